// Where our server is not as a Temporal Service is.
'use strict';

// Scenes of what our server does not offer.
const NOT_HERE = ['schedules'];

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
  // A rejected update leaves its workflow task.
  /^messages\.histories\.QUEUE-talks\.events from 16$|^messages.*\.historyLength$/,
  /^updateWithStart\.histories\.QUEUE-both\.events from 11$/,
  // Why nothing follows an execution whose time is over.
  /^starts.*\.retryState$/,
  // Who asked for an update that a reset applied again, at its end.
  /^resets\..*\.workflowExecutionUpdateCompletedEventAttributes\.meta\.identity$/,
  // What descriptions and lists have.
  /\.(stateTransitionCount|runExpirationTime|requestIdInfos|firstRunId)$/,
  /\.pendingActivities\[0\]\.activityOptions\.taskQueue\.(kind|normalName)$/,
  /^starts\.described\[0\]\.pendingWorkflowTask$/,
  // A list of one keyword is written as it was set.
  /^lists\..*\.CustomKeywordField\.data$/,
];

module.exports = { NOT_HERE, KNOWN };
