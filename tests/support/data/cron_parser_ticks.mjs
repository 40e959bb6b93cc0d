// Records cron_parser_ticks.json. Run beside an installed cron-parser 4.9.0, the library of Trigger.dev's scheduler:
//   node cron_parser_ticks.mjs > cron_parser_ticks.json
// Like the scheduler it starts a new parser for every tick, from the tick before.
import cronParser from "cron-parser";

const SPECIFIC = [
  "0 2 * * *", "30 2 * * *", "0 1 * * *", "30 1 * * *", "0 3 * * *", "30 0 * * *", "0 0 * * *", "30 23 * * *",
  "*/30 2 * * *", "15,45 2 * * *", "0 1-3 * * *", "45 2,3 * * *", "30 1,2 * * *", "0 */2 * * *", "0 */6 * * *",
  "30 2 * * 0", "30 2 29 3 *", "0 2 */2 * MON", "30 2 * mar,nov SUN", "30 2 ? * *", "0 2 1-31 * 0",
];
const EVERY_HOUR = ["30 * * * *", "0 0-23 * * *"];
const CHANGES = {
  "Europe/Berlin": ["2026-03-29", "2026-10-25"],
  "America/New_York": ["2026-03-08", "2026-11-01"],
  "Australia/Sydney": ["2026-04-05", "2026-10-04"],
  "America/Santiago": ["2026-04-05", "2026-09-06"],
  "America/Sao_Paulo": ["2018-02-18", "2018-11-04", "2026-11-01"],
  "Asia/Kolkata": ["2026-03-29"],
  UTC: ["2026-03-29"],
};
const HOUR = 3_600_000;

function ticks(schedule, tz, after, until) {
  const found = [];
  for (let at = after; ; ) {
    at = cronParser.parseExpression(schedule, { currentDate: at, tz }).next().toDate();
    if (at >= until) return found;
    found.push(at.toISOString().replace(":00.000Z", "Z"));
  }
}

const lines = [];
for (const [tz, dates] of Object.entries(CHANGES)) {
  for (const date of dates) {
    const noon = Date.parse(`${date}T12:00:00Z`);
    for (const [schedules, hours] of [[SPECIFIC, 36], [EVERY_HOUR, 18]]) {
      const after = new Date(noon - hours * HOUR), until = new Date(noon + hours * HOUR);
      for (const schedule of schedules) {
        const row = [schedule, tz, after.toISOString(), until.toISOString(), ticks(schedule, tz, after, until)];
        lines.push(JSON.stringify(row));
      }
    }
  }
}
console.log(`[\n${lines.join(",\n")}\n]`);
