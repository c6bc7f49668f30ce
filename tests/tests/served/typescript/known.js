// Where our server is not as a Temporal Service is.
'use strict';

// Differences of fields, by where they are, each with its reason.
const KNOWN = [
  // What the vocabulary of our histories does not have.
  /\.workerVersion$/,
  // The flags of an SDK are a set: they come in an order of chance.
  /\.sdkMetadata\.coreUsedFlags\[\d\]$/,
  /\.workflow(Task|Execution)\w+Attributes\.requestId$/,
  /\.activityTaskStartedEventAttributes\.requestId$/,
  // Deployments and builds of workers.
  /\.indexedFields\.BuildIds$|\.described\[\d\]\.workflowExecutionInfo\.searchAttributes$/,
  /\.(autoResetPoints|prevAutoResetPoints|mostRecentWorkerVersionStamp)$/,
  // What a service fills in that was not said.
  /\.workflowTaskTimeout(\.seconds)?$|\.workflowTaskScheduledEventAttributes\.startToCloseTimeout\.seconds$/,
  /\.defaultWorkflowTaskTimeout\.seconds$/,
  /^starts.*\.workflowRunTimeout$/,
  // Why nothing follows an execution whose time is over.
  /^starts.*\.retryState$/,
  // Who asked for an update is told where it is accepted, and not again at its end.
  /\.workflowExecutionUpdateCompletedEventAttributes\.meta\.identity$/,
  // What descriptions and lists have.
  /\.(stateTransitionCount|runExpirationTime|requestIdInfos|firstRunId)$/,
  /\.pendingActivities\[0\]\.activityOptions\.taskQueue\.(kind|normalName)$/,
  /^starts\.described\[0\]\.pendingWorkflowTask$/,
  // A list of one keyword is written as it was set.
  /^lists\..*\.CustomKeywordField\.data$/,
];

module.exports = { KNOWN };
