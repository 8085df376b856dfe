"use strict";
// Orchestrations, activities, timers, events and children.

const { test } = require("node:test");
const { Hub, assert, completed, eventually, failed, newId, sdk, soon, status } = require("./support");

const increment = async (_, value) => value + 1;
const listen = async function* (ctx) {
  ctx.setCustomStatus("waiting");
  return yield ctx.waitForExternalEvent("news");
};
const waiting = (hub, id) =>
  eventually(async () => (await hub.client.getOrchestrationState(id))?.serializedCustomStatus === '"waiting"');

test("an empty orchestration completes with nothing", async (t) => {
  const hub = new Hub(t);
  const empty = async (_ctx) => {};
  await hub.worker({ orchestrators: [empty] });
  const state = await hub.ended(await hub.start(empty, undefined, { tags: { kind: "empty" } }));
  assert.equal(state.runtimeStatus, status.COMPLETED);
  assert.equal(state.name, "empty");
  assert.equal(state.failureDetails, undefined);
});

test("activities run one after the other", async (t) => {
  const hub = new Hub(t);
  const chain = async function* (ctx, value) {
    const seen = [value];
    for (let step = 0; step < 10; step++) {
      value = yield ctx.callActivity(increment, value);
      seen.push(value);
    }
    return seen;
  };
  await hub.worker({ orchestrators: [chain], activities: [increment] });
  assert.deepEqual(await hub.outputOf(chain, 1), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("a hundred activities run side by side", async (t) => {
  const hub = new Hub(t);
  const fanOut = async function* (ctx, count) {
    return yield sdk.whenAll([...Array(count).keys()].map((n) => ctx.callActivity(increment, n)));
  };
  await hub.worker({ orchestrators: [fanOut], activities: [increment] });
  assert.deepEqual(await hub.outputOf(fanOut, 100), [...Array(100).keys()].map((n) => n + 1));
});

test("values of all kinds pass unchanged", async (t) => {
  const hub = new Hub(t);
  const echo = async (_, value) => value;
  const passOn = async function* (ctx, value) {
    return yield ctx.callActivity(echo, value);
  };
  await hub.worker({ orchestrators: [passOn], activities: [echo] });
  for (const value of ["Grüße, 世界 \u{1f600}", "", false, 0, [], { a: [1, { b: null }] }, "x".repeat(900 * 1024)]) {
    assert.deepEqual(await hub.outputOf(passOn, value), value);
  }
});

test("timers fire after their delay", async (t) => {
  const hub = new Hub(t);
  const sleep = async function* (ctx) {
    const begun = ctx.currentUtcDateTime.getTime();
    yield ctx.createTimer(new Date(begun + 300));
    return ctx.currentUtcDateTime.getTime() - begun;
  };
  await hub.worker({ orchestrators: [sleep] });
  assert.ok((await hub.outputOf(sleep)) >= 300);
});

test("events come with their data, in their order, and wait for the one who wants them", async (t) => {
  const hub = new Hub(t);
  const listenThrice = async function* (ctx) {
    const values = [];
    for (const name of ["B", "A", "A"]) values.push(yield ctx.waitForExternalEvent(name));
    return values;
  };
  await hub.worker({ orchestrators: [listenThrice] });
  const id = await hub.start(listenThrice);
  await hub.client.raiseOrchestrationEvent(id, "A", { n: 1 });
  await hub.client.raiseOrchestrationEvent(id, "a", { n: 2 });
  await hub.client.raiseOrchestrationEvent(id, "B", "b");
  assert.deepEqual(completed(await hub.ended(id)), ["b", { n: 1 }, { n: 2 }]);
});

for (const raised of [true, false]) {
  test(`an event ${raised ? "comes" : "does not come"} before its timeout`, async (t) => {
    const hub = new Hub(t);
    const approve = async function* (ctx, seconds) {
      const approval = ctx.waitForExternalEvent("approval");
      const winner = yield sdk.whenAny([approval, ctx.createTimer(seconds)]);
      return winner === approval ? "approved" : "late";
    };
    await hub.worker({ orchestrators: [approve] });
    const id = await hub.start(approve, raised ? 60 : 1);
    if (raised) await hub.client.raiseOrchestrationEvent(id, "approval", true);
    assert.equal(completed(await hub.ended(id)), raised ? "approved" : "late");
  });
}

test("one orchestration sends an event to another", async (t) => {
  const hub = new Hub(t);
  const send = async function* (ctx, target) {
    ctx.sendEvent(target, "news", { from: ctx.instanceId });
    yield ctx.createTimer(ctx.currentUtcDateTime);
    return "sent";
  };
  await hub.worker({ orchestrators: [listen, send] });
  const target = await hub.start(listen);
  const sender = await hub.start(send, target);
  assert.deepEqual(completed(await hub.ended(target)), { from: sender });
  assert.equal(completed(await hub.ended(sender)), "sent");
});

test("children give their results, and know their parent", async (t) => {
  const hub = new Hub(t);
  const child = async (ctx, value) => [value * 2, ctx.parent?.instanceId];
  const parent = async function* (ctx, count) {
    return yield sdk.whenAll([...Array(count).keys()].map((n) => ctx.callSubOrchestrator(child, n)));
  };
  await hub.worker({ orchestrators: [parent, child] });
  const id = await hub.start(parent, 5);
  assert.deepEqual(completed(await hub.ended(id)), [0, 2, 4, 6, 8].map((n) => [n, id]));
});

test("a failed child can be handled, and fails its parent where it is not", async (t) => {
  const hub = new Hub(t);
  const child = async () => {
    throw new Error("no luck");
  };
  const parent = async function* (ctx, handled) {
    try {
      yield ctx.callSubOrchestrator(child);
    } catch (error) {
      if (!handled) throw error;
      return error.message;
    }
  };
  await hub.worker({ orchestrators: [parent, child] });
  assert.match(await hub.outputOf(parent, true), /no luck/);
  assert.match(failed(await hub.ended(await hub.start(parent, false))).message, /no luck/);
});

test("activities and children are tried again", async (t) => {
  const hub = new Hub(t);
  let attempts = 0;
  const policy = new sdk.RetryPolicy({ maxNumberOfAttempts: 3, firstRetryIntervalInMilliseconds: 100 });
  const flaky = async () => {
    attempts += 1;
    if (attempts < 6) throw new Error("not yet");
    return attempts;
  };
  const child = async function* (ctx) {
    return yield ctx.callActivity(flaky, undefined, { retry: policy });
  };
  const parent = async function* (ctx) {
    return yield ctx.callSubOrchestrator(child, undefined, { retry: policy });
  };
  await hub.worker({ orchestrators: [parent, child], activities: [flaky] });
  assert.equal(await hub.outputOf(parent), 6);
});

test("a failure says what it is, and where", async (t) => {
  const hub = new Hub(t);
  const order = async () => {
    throw new TypeError("bad order");
  };
  await hub.worker({ orchestrators: [order] });
  const details = failed(await hub.ended(await hub.start(order)));
  assert.equal(details.message, "bad order");
  assert.equal(details.errorType, "TypeError");
  assert.match(details.stackTrace, /bad order/);
  assert.match(failed(await hub.ended(await hub.start("unheardOf"))).message, /unheardOf/);
});

test("an orchestration continues as new, and keeps its events", async (t) => {
  const hub = new Hub(t);
  const collect = async function* (ctx, seen) {
    seen = [...seen, yield ctx.waitForExternalEvent("value")];
    if (seen.length === 5) return seen;
    ctx.continueAsNew(seen, true);
  };
  await hub.worker({ orchestrators: [collect] });
  const id = await hub.start(collect, []);
  for (let n = 0; n < 5; n++) await hub.client.raiseOrchestrationEvent(id, "value", n);
  assert.deepEqual(completed(await hub.ended(id)), [0, 1, 2, 3, 4]);
});

test("a suspended orchestration rests until it is resumed", async (t) => {
  const hub = new Hub(t);
  await hub.worker({ orchestrators: [listen] });
  const id = await hub.start(listen);
  await waiting(hub, id);
  await hub.client.suspendOrchestration(id);
  await eventually(async () => (await hub.status(id)) === status.SUSPENDED);
  await hub.client.raiseOrchestrationEvent(id, "news", 42);
  await assert.rejects(hub.client.waitForOrchestrationCompletion(id, true, 1));
  assert.equal(await hub.status(id), status.SUSPENDED);
  await hub.client.resumeOrchestration(id);
  assert.equal(completed(await hub.ended(id)), 42);
});

test("a terminated orchestration ends with the output of the call, and its children with it", async (t) => {
  const hub = new Hub(t);
  const parent = async function* (ctx, childId) {
    yield ctx.callSubOrchestrator(listen, undefined, { instanceId: childId });
  };
  await hub.worker({ orchestrators: [parent, listen] });
  const childId = newId("child");
  const id = await hub.start(parent, childId);
  await waiting(hub, childId);
  await hub.client.terminateOrchestration(id, sdk.terminateOptions({ output: "enough", recursive: true }));
  const state = await hub.ended(id);
  assert.equal(state.runtimeStatus, status.TERMINATED);
  assert.equal(state.serializedOutput, '"enough"');
  assert.equal((await hub.ended(childId)).runtimeStatus, status.TERMINATED);
});

test("ids and times are the same at replay", async (t) => {
  const hub = new Hub(t);
  const seen = new Set();
  const ids = async function* (ctx) {
    const first = ctx.newGuid();
    seen.add(`${first} ${ctx.currentUtcDateTime.toISOString()}`);
    yield ctx.callActivity(increment, 1);
    yield ctx.callActivity(increment, 1);
    return [first, ctx.newGuid()];
  };
  await hub.worker({ orchestrators: [ids], activities: [increment] });
  const [first, second] = await hub.outputOf(ids);
  assert.notEqual(first, second);
  assert.equal(seen.size, 1);
});

test("a client waits for the start of one that a worker takes later", async (t) => {
  const hub = new Hub(t);
  const id = await hub.start(listen);
  assert.equal(await hub.status(id), status.PENDING);
  const started = hub.client.waitForOrchestrationStart(id, false, soon);
  await hub.worker({ orchestrators: [listen] });
  assert.equal((await started).runtimeStatus, status.RUNNING);
  await hub.client.terminateOrchestration(id);
});
