// Where the packages are, and how workflows are bundled with them.
'use strict';

const { Module } = require('node:module');

const modules = process.env.STEADFAST_NODE_MODULES;
process.env.NODE_PATH = modules;
Module._initPaths();

const { Runtime, DefaultLogger, bundleWorkflowCode } = require('@temporalio/worker');

// Silences what workers have to say to failures, which are meant here, and bundles workflows.
exports.setup = async (workflowsPath) => {
  const logger = new DefaultLogger('ERROR', () => undefined);
  Runtime.install({ logger, telemetryOptions: { logging: { filter: 'OFF' } } });
  const webpackConfigHook = (config) => {
    config.resolve.modules.push(modules);
    return config;
  };
  return await bundleWorkflowCode({ workflowsPath, logger, webpackConfigHook });
};
