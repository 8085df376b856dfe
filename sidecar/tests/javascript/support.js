"use strict";
// What all tests share: a client, workers that end with the test, and waiting for conditions.
//
// The suite talks to the server whose address is in the environment variable ENDPOINT (host:port). The package of the
// SDK is found by NODE_PATH.

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const sdk = require("@microsoft/durabletask-js");

const endpoint = process.env.ENDPOINT ?? "127.0.0.1:4001";
const logger = process.env.LOGS ? new sdk.ConsoleLogger() : new sdk.NoOpLogger();
// How long a test waits for what must happen soon, in seconds. Long, as machines under load are slow.
const soon = 60;
const status = sdk.OrchestrationStatus;

const newId = (prefix = "js") => `${prefix}-${randomUUID()}`;

// A client, and workers, for one test.
class Hub {
  constructor(t) {
    this.client = new sdk.TaskHubGrpcClient({ hostAddress: endpoint, logger });
    this.workers = [];
    // A worker leaves its stream at once, and needs two seconds more until it has ended: nobody waits for that.
    t.after(() => void this.close());
  }

  // A worker that runs, and has these functions. `options` are those of the SDK.
  async worker({ orchestrators = [], activities = [], entities = {}, ...options }) {
    const worker = new sdk.TaskHubGrpcWorker({ hostAddress: endpoint, logger, ...options });
    orchestrators.forEach((each) => worker.addOrchestrator(each));
    activities.forEach((each) => worker.addActivity(each));
    Object.entries(entities).forEach(([name, each]) => worker.addNamedEntity(name, () => each()));
    await worker.start();
    this.workers.push(worker);
    return worker;
  }

  start(orchestrator, input, options) {
    return this.client.scheduleNewOrchestration(orchestrator, input, options);
  }

  // How an instance has ended.
  async ended(id) {
    const state = await this.client.waitForOrchestrationCompletion(id, true, soon);
    assert.ok(state, `${id} is not known`);
    return state;
  }

  // What an orchestration returns that completes.
  async outputOf(orchestrator, input, options) {
    return completed(await this.ended(await this.start(orchestrator, input, options)));
  }

  async status(id) {
    return (await this.client.getOrchestrationState(id))?.runtimeStatus;
  }

  async close() {
    await Promise.all(this.workers.map((worker) => worker.stop().catch(() => {})));
    await this.client.stop();
  }
}

function completed(state) {
  assert.equal(state.runtimeStatus, status.COMPLETED, state.failureDetails?.message);
  return state.serializedOutput === undefined ? undefined : JSON.parse(state.serializedOutput);
}

function failed(state) {
  assert.equal(state.runtimeStatus, status.FAILED, state.serializedOutput);
  return state.failureDetails;
}

// Waits until the condition holds, and gives what it gave.
async function eventually(condition) {
  const deadline = Date.now() + soon * 1000;
  while (Date.now() < deadline) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`this has not come to hold: ${condition}`);
}

module.exports = { Hub, assert, completed, eventually, failed, newId, sdk, soon, status };
