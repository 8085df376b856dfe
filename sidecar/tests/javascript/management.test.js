"use strict";
// Lists, purges, restarts, rewinds, histories, filters and versions.

const { test } = require("node:test");
const { Hub, assert, completed, eventually, failed, newId, sdk, status } = require("./support");

const echo = async (_ctx, value) => value;
const pass = async (_ctx, value) => value;
const fail = async () => {
  throw new Error("failed");
};

test("instances are listed by prefix and status, in pages", async (t) => {
  const hub = new Hub(t);
  await hub.worker({ orchestrators: [echo, fail] });
  const prefix = newId("list");
  for (const name of ["a", "b", "c"]) await hub.ended(await hub.start(echo, name, { instanceId: `${prefix}-${name}` }));
  await hub.ended(await hub.start(fail, undefined, { instanceId: `${prefix}-d` }));

  const found = [];
  const query = { instanceIdPrefix: prefix, statuses: [status.COMPLETED], fetchInputsAndOutputs: true };
  for await (const state of hub.client.getAllInstances(query)) found.push(state);
  assert.deepEqual(found.map((state) => state.serializedOutput).sort(), ['"a"', '"b"', '"c"']);

  const sizes = [];
  const all = hub.client.getAllInstances({ instanceIdPrefix: prefix, pageSize: 3 });
  for await (const page of all.asPages()) sizes.push(page.values.length);
  assert.deepEqual(sizes.filter((size) => size > 0), [3, 1]);
});

test("ids of those that have ended are listed in pages", async (t) => {
  const hub = new Hub(t);
  const begun = new Date();
  await hub.worker({ orchestrators: [echo] });
  const ids = [];
  for (let n = 0; n < 3; n++) {
    ids.push(await hub.start(echo, n));
    await hub.ended(ids[n]);
  }
  const seen = [];
  let lastInstanceKey;
  do {
    const page = await hub.client.listInstanceIds({ completedTimeFrom: begun, pageSize: 2, lastInstanceKey });
    seen.push(...page.values);
    lastInstanceKey = page.continuationToken;
  } while (lastInstanceKey);
  assert.deepEqual(ids.filter((id) => !seen.includes(id)), []);
});

test("an instance is purged", async (t) => {
  const hub = new Hub(t);
  await hub.worker({ orchestrators: [echo] });
  const id = await hub.start(echo, 1);
  await hub.ended(id);
  assert.equal((await hub.client.purgeOrchestration(id)).deletedInstanceCount, 1);
  assert.equal(await hub.client.getOrchestrationState(id), undefined);
});

test("an instance is restarted with its id, and with a new one", async (t) => {
  const hub = new Hub(t);
  await hub.worker({ orchestrators: [echo] });
  const id = await hub.start(echo, "v");
  await hub.ended(id);
  assert.equal(await hub.client.restartOrchestration(id), id);
  assert.equal(completed(await hub.ended(id)), "v");
  const other = await hub.client.restartOrchestration(id, true);
  assert.notEqual(other, id);
  assert.equal(completed(await hub.ended(other)), "v");
});

test("a failed instance is rewound, with its children", async (t) => {
  const hub = new Hub(t);
  const calls = [];
  const flaky = async (_, value) => {
    calls.push(value);
    if (calls.length === 1) throw new Error("first time");
    return value;
  };
  const child = async function* (ctx, value) {
    return yield ctx.callActivity(flaky, value);
  };
  const parent = async function* (ctx, value) {
    const before = yield ctx.callActivity(pass, "kept");
    return [before, yield ctx.callSubOrchestrator(child, value)];
  };
  await hub.worker({ orchestrators: [parent, child], activities: [flaky, pass] });
  const id = await hub.start(parent, "v");
  failed(await hub.ended(id));
  await hub.client.rewindInstance(id, "it works again");
  assert.deepEqual(completed(await hub.ended(id)), ["kept", "v"]);
  assert.deepEqual(calls, ["v", "v"]);
});

test("a history says what has happened", async (t) => {
  const hub = new Hub(t);
  const order = async function* (ctx) {
    return yield ctx.callActivity(pass, "v");
  };
  await hub.worker({ orchestrators: [order], activities: [pass] });
  const id = await hub.start(order);
  await hub.ended(id);
  const history = await hub.client.getOrchestrationHistory(id);
  const kinds = history.map((event) => event.type);
  for (const kind of ["ExecutionStarted", "TaskScheduled", "TaskCompleted", "ExecutionCompleted"]) {
    assert.equal(kinds.filter((each) => each === sdk.HistoryEventType[kind]).length, 1, kind);
  }
});

test("work goes to the workers whose filters name it", async (t) => {
  const hub = new Hub(t);
  const order = async function* (ctx, value) {
    return yield ctx.callActivity("pass", value);
  };
  await hub.worker({ orchestrators: [order], workItemFilters: "auto" });
  const id = await hub.start(order, 7);
  await eventually(async () => (await hub.status(id)) === status.RUNNING);
  await hub.worker({ activities: [pass], workItemFilters: "auto" });
  assert.equal(completed(await hub.ended(id)), 7);
});

test("a version that a worker may not run waits for another, or fails", async (t) => {
  const hub = new Hub(t);
  const version = async (ctx) => ctx.version;
  const strict = (failureStrategy) => ({
    orchestrators: [version],
    versioning: { version: "1.0.0", matchStrategy: sdk.VersionMatchStrategy.Strict, failureStrategy },
  });
  const first = await hub.worker(strict(sdk.VersionFailureStrategy.Fail));
  assert.equal(await hub.outputOf(version, undefined, { version: "1.0.0" }), "1.0.0");
  const refused = failed(await hub.ended(await hub.start(version, undefined, { version: "2.0.0" })));
  assert.equal(refused.errorType, "VersionMismatch");
  await first.stop();
  hub.workers.pop();

  await hub.worker(strict(sdk.VersionFailureStrategy.Reject));
  const id = await hub.start(version, undefined, { version: "2.0.0" });
  await hub.worker({ orchestrators: [version] });
  assert.equal(completed(await hub.ended(id)), "2.0.0");
});

test("a start can be scheduled for later", async (t) => {
  const hub = new Hub(t);
  const when = async () => Date.now();
  await hub.worker({ orchestrators: [when] });
  const due = Date.now() + 1000;
  const id = await hub.start(when, undefined, { startAt: new Date(due) });
  assert.equal(await hub.status(id), status.PENDING);
  assert.ok(completed(await hub.ended(id)) >= due - 10);
});
