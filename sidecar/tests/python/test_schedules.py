"""Schedules: the SDK keeps them in entities, and starts orchestrations at their times."""

import asyncio
from datetime import datetime, timedelta, timezone

from durabletask import client
from durabletask.scheduled import (
    AsyncScheduledTaskClient,
    ScheduleCreationOptions,
    ScheduledTaskClient,
    ScheduleQuery,
    ScheduleStatus,
    ScheduleUpdateOptions,
)

from support import ENDPOINT, Calls, Case, new_id

SECOND = timedelta(seconds=1)


def now():
    return datetime.now(timezone.utc)


class Schedules(Case):
    def setUp(self):
        super().setUp()
        self.runs = runs = Calls()

        def scheduled_work(ctx, value):
            if not ctx.is_replaying:
                runs.add(value)
            return value

        self.worker([scheduled_work], prepare=lambda new: new.configure_scheduled_tasks())
        self.schedules = ScheduledTaskClient(self.client)

    def options(self, schedule_id, **more):
        settings = {"interval": timedelta(seconds=30), "start_at": now() + timedelta(hours=1), **more}
        return ScheduleCreationOptions(
            schedule_id=schedule_id, orchestration_name="scheduled_work", **settings)

    def create(self, schedule_id=None, **more):
        schedule = self.schedules.create_schedule(self.options(schedule_id or new_id("schedule"), **more))
        self.addCleanup(self.delete, schedule)
        return schedule

    @staticmethod
    def delete(schedule):
        try:
            schedule.delete()
        except Exception:
            pass

    def at_once(self, **more):
        return self.create(interval=SECOND, start_at=now(), start_immediately_if_late=True, **more)

    def test_one_runs_its_orchestration_again_and_again(self):
        schedule = self.at_once(orchestration_input="hello")
        self.eventually(lambda: self.runs.count >= 2)
        self.assertEqual(set(self.runs.seen), {"hello"})
        description = schedule.describe()
        self.assertEqual(description.schedule_id, schedule.schedule_id)
        self.assertEqual(description.status, ScheduleStatus.ACTIVE)
        self.assertEqual(description.orchestration_name, "scheduled_work")
        self.assertIsNotNone(description.last_run_at)

    def test_one_rests_while_it_is_paused(self):
        schedule = self.at_once()
        self.eventually(lambda: self.runs.count)
        schedule.pause()
        self.assertEqual(schedule.describe().status, ScheduleStatus.PAUSED)
        # What was under way when it was paused may still come.
        paused = self.at_once(orchestration_input="clock")
        self.eventually(lambda: "clock" in self.runs.seen)
        before = self.runs.seen.count(None)
        self.eventually(lambda: self.runs.seen.count("clock") >= 3)
        self.assertEqual(self.runs.seen.count(None), before)
        paused.pause()
        schedule.resume()
        self.assertEqual(schedule.describe().status, ScheduleStatus.ACTIVE)
        self.eventually(lambda: self.runs.seen.count(None) > before)

    def test_one_can_be_changed(self):
        schedule = self.create(orchestration_input="before")
        schedule.update(ScheduleUpdateOptions(orchestration_input="after", interval=timedelta(seconds=2)))
        description = schedule.describe()
        self.assertEqual(description.interval, timedelta(seconds=2))
        self.assertEqual(description.orchestration_input, "after")

    def test_one_can_be_deleted(self):
        schedule = self.create()
        self.assertIsNotNone(self.schedules.get_schedule(schedule.schedule_id))
        schedule.delete()
        self.eventually(lambda: self.schedules.get_schedule(schedule.schedule_id) is None)

    def test_one_that_there_is_not(self):
        self.assertIsNone(self.schedules.get_schedule(new_id("nobody")))

    def test_lists(self):
        prefix = new_id("group")
        ids = {self.create(f"{prefix}-a-{n}").schedule_id for n in range(3)}
        other = self.create(f"{prefix}-b-0").schedule_id
        everything = {each.schedule_id for each in self.schedules.list_schedules()}
        self.assertLessEqual(ids | {other}, everything)
        group = self.schedules.list_schedules(ScheduleQuery(schedule_id_prefix=f"{prefix}-a-"))
        self.assertEqual({each.schedule_id for each in group}, ids)
        active = self.schedules.list_schedules(ScheduleQuery(status=ScheduleStatus.ACTIVE))
        self.assertEqual({each.status for each in active}, {ScheduleStatus.ACTIVE})

    def test_the_asynchronous_client(self):
        async def scenario():
            async with client.AsyncTaskHubGrpcClient(host_address=ENDPOINT) as hub:
                schedules = AsyncScheduledTaskClient(hub)
                schedule_id = new_id("async")
                schedule = await schedules.create_schedule(self.options(schedule_id))
                self.assertIsNotNone(await schedules.get_schedule(schedule_id))
                listed = await schedules.list_schedules(ScheduleQuery(schedule_id_prefix=schedule_id))
                self.assertEqual([each.schedule_id for each in listed], [schedule_id])
                await schedule.pause()
                self.assertEqual((await schedule.describe()).status, ScheduleStatus.PAUSED)
                await schedule.resume()
                self.assertEqual((await schedule.describe()).status, ScheduleStatus.ACTIVE)
                await schedule.delete()
                self.assertIsNone(await schedules.get_schedule(schedule_id))

        asyncio.run(scenario())
