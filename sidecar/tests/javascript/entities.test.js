"use strict";
// Entities: state, calls, signals, locks and failures.

const { test } = require("node:test");
const { Hub, assert, completed, eventually, newId, sdk, status } = require("./support");

class Account extends sdk.TaskEntity {
  initializeState() {
    return { balance: 0 };
  }

  add(amount) {
    this.state.balance += amount;
    return this.state.balance;
  }

  get() {
    return this.state.balance;
  }

  fail() {
    this.state.balance = -1;
    throw new Error("not this way");
  }

  copyTo(key) {
    this.context.signalEntity(account(key), "add", this.state.balance);
  }

  order(id) {
    return this.context.scheduleNewOrchestration("ordered", "of an entity", { instanceId: id });
  }
}

const account = (key) => new sdk.EntityInstanceId("account", key);
const entities = { account: () => new Account() };

// The balance of an account that has a state: one without may be there, or not.
async function balanceOf(hub, key) {
  const found = await hub.client.getEntity(account(key));
  return found?.includesState ? found.state?.balance : undefined;
}

const comesTo = (hub, key, balance) => eventually(async () => (await balanceOf(hub, key)) === balance);

test("a client signals an entity, reads it, and finds it", async (t) => {
  const hub = new Hub(t);
  await hub.worker({ entities });
  const key = newId();
  assert.equal(await hub.client.getEntity(account(key)), undefined);
  await hub.client.signalEntity(account(key), "add", 10);
  await hub.client.signalEntity(account(key), "add", 20);
  await comesTo(hub, key, 30);
  assert.equal((await hub.client.getEntity(account(key), false)).includesState, false);
  const found = [];
  for await (const each of hub.client.getEntities({ instanceIdStartsWith: `@account@${key}` })) found.push(each);
  assert.deepEqual(found.map((each) => each.state), [{ balance: 30 }]);
});

test("an orchestration calls and signals an entity", async (t) => {
  const hub = new Hub(t);
  const use = async function* (ctx, key) {
    ctx.entities.signalEntity(account(key), "add", 1);
    yield ctx.entities.callEntity(account(key), "add", 2);
    return yield ctx.entities.callEntity(account(key), "get");
  };
  await hub.worker({ orchestrators: [use], entities });
  assert.equal(await hub.outputOf(use, newId()), 3);
});

test("an entity signals another, and starts an orchestration", async (t) => {
  const hub = new Hub(t);
  const ordered = async (_, value) => value;
  const use = async function* (ctx, [source, target]) {
    yield ctx.entities.callEntity(account(source), "add", 100);
    yield ctx.entities.callEntity(account(source), "copyTo", target);
    return yield ctx.entities.callEntity(account(target), "get");
  };
  await hub.worker({ orchestrators: [use, ordered], entities });
  assert.equal(await hub.outputOf(use, [newId(), newId()]), 100);
  const id = newId("ordered");
  await hub.client.signalEntity(account(newId()), "order", id);
  await eventually(async () => (await hub.status(id)) === status.COMPLETED);
  assert.equal(completed(await hub.ended(id)), "of an entity");
});

test("nobody comes between those who hold a lock", async (t) => {
  const hub = new Hub(t);
  const transfer = async function* (ctx, [source, target]) {
    const lock = yield ctx.entities.lockEntities(account(source), account(target));
    const before = yield ctx.entities.callEntity(account(source), "get");
    yield ctx.entities.callEntity(account(source), "add", -1);
    yield ctx.entities.callEntity(account(target), "add", 1);
    const after = yield ctx.entities.callEntity(account(source), "get");
    lock.release();
    return before - after;
  };
  await hub.worker({ orchestrators: [transfer], entities });
  const [first, second] = [newId("a"), newId("b")];
  const ids = [];
  for (let n = 0; n < 6; n++) ids.push(await hub.start(transfer, n % 2 ? [first, second] : [second, first]));
  for (const id of ids) assert.equal(completed(await hub.ended(id)), 1);
  await comesTo(hub, first, 0);
  await comesTo(hub, second, 0);
});

test("a failed operation leaves no trace, and can be handled", async (t) => {
  const hub = new Hub(t);
  const use = async function* (ctx, key) {
    yield ctx.entities.callEntity(account(key), "add", 5);
    try {
      yield ctx.entities.callEntity(account(key), "fail");
    } catch (error) {
      return [error.message, yield ctx.entities.callEntity(account(key), "get")];
    }
  };
  await hub.worker({ orchestrators: [use], entities });
  const [message, balance] = await hub.outputOf(use, newId());
  assert.match(message, /not this way/);
  assert.equal(balance, 5);
});

test("a signal for later comes later", async (t) => {
  const hub = new Hub(t);
  await hub.worker({ entities });
  const key = newId();
  const due = Date.now() + 1000;
  await hub.client.signalEntity(account(key), "add", 1, { signalTime: new Date(due) });
  assert.equal(await balanceOf(hub, key), undefined);
  await comesTo(hub, key, 1);
  assert.ok(Date.now() >= due - 10);
});
