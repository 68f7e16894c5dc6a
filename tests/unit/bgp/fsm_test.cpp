// The BGP state machine: every state with every event, and what holds after any events at all.
#include "fsm.hpp"

#include <doctest/doctest.h>

#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace bgp {
namespace {

using E = Event;

constexpr const char* event_names[] = {"start_active",
                                       "start_passive",
                                       "stop",
                                       "delay_open_expires",
                                       "hold_expires",
                                       "keepalive_expires",
                                       "send_hold_expires",
                                       "tcp_up",
                                       "tcp_fails",
                                       "open_received",
                                       "header_error",
                                       "open_error",
                                       "collision_dump",
                                       "notification_received",
                                       "keepalive_received",
                                       "update_received",
                                       "refresh_received",
                                       "update_error"};
constexpr std::size_t events = std::size(event_names);
static_assert(events == static_cast<std::size_t>(E::update_error) + 1);

std::string words(E event) {
  return event_names[static_cast<std::size_t>(event)];
}

std::string words(const Fsm& fsm) {
  return std::string(to_string(fsm.state)) + (fsm.passive ? " passive" : "") +
         (fsm.delaying_open ? " delaying" : "") + (fsm.open_was_sent ? " opened" : "") + " hold " +
         std::to_string(fsm.hold_time_s);
}

std::string words(const Actions& acts) {
  std::string text;
  const auto say = [&](bool is, const std::string& word) {
    if (is) text += (text.empty() ? "" : ", ") + word;
  };
  say(acts.send_open, "OPEN");
  say(acts.send_keepalive, "KEEPALIVE");
  std::string data;
  for (const auto byte : acts.notification.data) data += " " + std::to_string(byte);
  say(acts.send_notification, std::to_string(acts.notification.code) + "/" +
                                  std::to_string(acts.notification.subcode) + data);
  say(!acts.send_notification && acts.notification != Notification{}, "an unsent NOTIFICATION");
  say(acts.established, "established");
  say(acts.pass_update, "pass");
  constexpr auto stop = TimerChange::stop;
  const bool all_stop = acts.hold == stop && acts.keepalive == stop && acts.delay_open == stop &&
                        acts.send_hold == stop;
  if (acts.drop && all_stop && acts.hold_s == 0) {  // always together
    say(true, "drop");
    return text;
  }
  say(acts.drop, "drop with timers running");
  const auto timer = [&](TimerChange change, const std::string& name) {
    say(change == TimerChange::start, name);
    say(change == stop, "no " + name);
  };
  timer(acts.hold,
        acts.hold == TimerChange::start ? "hold " + std::to_string(acts.hold_s) : "hold");
  timer(acts.keepalive, "keepalive");
  timer(acts.delay_open, "delay");
  timer(acts.send_hold, "send hold");
  return text;
}

// What each event brings along here.
Input with(E event, std::uint16_t hold_time_s = 90) {
  Input input{.event = event, .notification = {}, .hold_time_s = 0};
  if (event == E::open_received) input.hold_time_s = hold_time_s;
  if (event == E::stop) input.notification = {code::cease, cease::admin_shutdown, {2, 'h', 'i'}};
  if (event == E::header_error) input.notification = {code::header, header_error::bad_type, {9}};
  if (event == E::open_error) input.notification = {code::open, open_error::bad_peer_as, {}};
  if (event == E::update_error) input.notification = {code::update, 1, {7}};
  return input;
}

const Fsm idle{};
const Fsm connect{.state = State::connect};
const Fsm active{.state = State::active, .passive = true};
const Fsm connect_delaying{.state = State::connect, .delaying_open = true};
const Fsm active_delaying{.state = State::active, .passive = true, .delaying_open = true};
const Fsm sent{.state = State::open_sent, .open_was_sent = true};
const Fsm sent_passive{.state = State::open_sent, .passive = true, .open_was_sent = true};
const Fsm confirm{.state = State::open_confirm, .open_was_sent = true, .hold_time_s = 90};
const Fsm confirm_passive{
    .state = State::open_confirm, .passive = true, .open_was_sent = true, .hold_time_s = 90};
const Fsm confirm_0{.state = State::open_confirm, .open_was_sent = true};
const Fsm up{.state = State::established, .open_was_sent = true, .hold_time_s = 90};
const Fsm up_0{.state = State::established, .open_was_sent = true};

struct Row {
  E event;
  std::string section;
  Fsm after;
  std::string actions;
};

void check(const Fsm& before, const Settings& settings, const Row& row, std::uint16_t hold = 90) {
  Fsm fsm = before;
  const Actions acts = step(fsm, settings, with(row.event, hold));
  CAPTURE(words(before));
  CAPTURE(words(row.event));
  CAPTURE(row.section);
  CHECK(words(fsm) == words(row.after));
  CHECK(fsm == row.after);
  CHECK(words(acts) == row.actions);
}

// One row an event, in the order of the enum, so that none can be missing.
void check(const Fsm& before, const std::vector<Row>& rows) {
  CAPTURE(words(before));
  REQUIRE(rows.size() == events);
  for (std::size_t i = 0; i < events; ++i) {
    REQUIRE(words(rows[i].event) == event_names[i]);
    check(before, {}, rows[i]);
  }
}

TEST_CASE("Idle") {
  const std::vector<Row> rows = {
      {E::start_active, "8.2.2 Idle: 1", connect, ""},
      {E::start_passive, "8.2.2 Idle: 4", active, ""},
      {E::stop, "8.2.2 Idle: 2, 8 are ignored", idle, ""},
      {E::delay_open_expires, "8.2.2 Idle: any other", idle, ""},
      {E::hold_expires, "8.2.2 Idle: any other", idle, ""},
      {E::keepalive_expires, "8.2.2 Idle: any other", idle, ""},
      {E::send_hold_expires, "9687 4.3: Established only", idle, ""},
      {E::tcp_up, "8.2.2 Idle: refuses connections", idle, "drop"},
      {E::tcp_fails, "8.2.2 Idle: any other", idle, ""},
      {E::open_received, "8.2.2 Idle: any other", idle, ""},
      {E::header_error, "8.2.2 Idle: any other", idle, ""},
      {E::open_error, "8.2.2 Idle: any other", idle, ""},
      {E::collision_dump, "8.2.2 Idle: any other", idle, ""},
      {E::notification_received, "8.2.2 Idle: any other", idle, ""},
      {E::keepalive_received, "8.2.2 Idle: any other", idle, ""},
      {E::update_received, "8.2.2 Idle: any other", idle, ""},
      {E::refresh_received, "8.2.2 Idle: any other", idle, ""},
      {E::update_error, "8.2.2 Idle: any other", idle, ""},
  };
  check(idle, rows);
}

TEST_CASE("Connect and Active, no connection yet") {
  for (const bool passive : {false, true}) {
    const Fsm& waiting = passive ? active : connect;
    const std::vector<Row> rows = {
        {E::start_active, "8.2.2: start is ignored", waiting, ""},
        {E::start_passive, "8.2.2: start is ignored", waiting, ""},
        {E::stop, "8.2.2: 2", idle, "drop"},
        {E::delay_open_expires, "a timer that does not run", waiting, ""},
        {E::hold_expires, "8.2.2: any other, 10", idle, "drop"},
        {E::keepalive_expires, "8.2.2: any other, 11", idle, "drop"},
        {E::send_hold_expires, "9687 4.3: Established only", waiting, ""},
        {E::tcp_up, "8.2.2: 16, 17", passive ? sent_passive : sent, "OPEN, hold 240"},
        {E::tcp_fails, "8.2.2: 18", idle, "drop"},
        {E::open_received, "8.2.2: any other, 19", idle, "drop"},
        {E::header_error, "8.2.2: 21", idle, "drop"},
        {E::open_error, "8.2.2: 22", idle, "drop"},
        {E::collision_dump, "8.2.2: any other, 23", idle, "drop"},
        {E::notification_received, "8.2.2: 24, 25", idle, "drop"},
        {E::keepalive_received, "8.2.2: any other, 26", idle, "drop"},
        {E::update_received, "8.2.2: any other, 27", idle, "drop"},
        {E::refresh_received, "8.2.2: any other", idle, "drop"},
        {E::update_error, "8.2.2: any other, 28", idle, "drop"},
    };
    check(waiting, rows);
    check(waiting, {.delay_open = true},
          {E::tcp_up, "8.2.2: 16, 17 with DelayOpen", passive ? active_delaying : connect_delaying,
           "delay"});
  }
}

TEST_CASE("Connect and Active while DelayOpenTimer runs") {
  for (const bool passive : {false, true}) {
    const Fsm& delaying = passive ? active_delaying : connect_delaying;
    const Fsm& next = passive ? sent_passive : sent;
    const std::vector<Row> rows = {
        {E::start_active, "8.2.2: start is ignored", delaying, ""},
        {E::start_passive, "8.2.2: start is ignored", delaying, ""},
        {E::stop, "8.2.2: 2; no OPEN was sent, no Cease", idle, "drop"},
        {E::delay_open_expires, "8.2.2: 12", next, "OPEN, hold 240, no delay"},
        {E::hold_expires, "8.2.2: any other, 10", idle, "drop"},
        {E::keepalive_expires, "8.2.2: any other, 11", idle, "drop"},
        {E::send_hold_expires, "9687 4.3: Established only", delaying, ""},
        {E::tcp_up, "8.2.2: 16 (DelayOpen was taken back)", next, "OPEN, hold 240, no delay"},
        {E::tcp_fails, "8.2.2: 18 (the core dials)", idle, "drop"},
        {E::open_received, "8.2.2: 20", passive ? confirm_passive : confirm,
         "OPEN, KEEPALIVE, hold 90, keepalive, no delay"},
        {E::header_error, "8.2.2: 21, 8.1.1: without OPEN", idle, "drop"},
        {E::open_error, "8.2.2: 22, 8.1.1: without OPEN", idle, "drop"},
        {E::collision_dump, "8.2.2: any other, 23", idle, "drop"},
        {E::notification_received, "8.2.2: 24, 25", idle, "drop"},
        {E::keepalive_received, "8.2.2: any other, 26", idle, "drop"},
        {E::update_received, "8.2.2: any other, 27", idle, "drop"},
        {E::refresh_received, "8.2.2: any other", idle, "drop"},
        {E::update_error, "8.2.2: any other, 28", idle, "drop"},
    };
    check(delaying, rows);
  }
  check(connect_delaying, {},
        {E::open_received, "8.2.2: 20, hold time 0", confirm_0,
         "OPEN, KEEPALIVE, no hold, no keepalive, no delay"},
        0);
  check(connect_delaying, {.delay_open = true},
        {E::tcp_up, "8.2.2: 16 with DelayOpen", connect_delaying, "delay"});
}

TEST_CASE("OpenSent") {
  const std::vector<Row> rows = {
      {E::start_active, "8.2.2: start is ignored", sent, ""},
      {E::start_passive, "8.2.2: start is ignored", sent, ""},
      {E::stop, "8.2.2: 2, 8", idle, "6/2 2 104 105, drop"},
      {E::delay_open_expires, "8.2.2: any other, 12", idle, "5/0, drop"},
      {E::hold_expires, "8.2.2: 10", idle, "4/0, drop"},
      {E::keepalive_expires, "8.2.2: any other, 11", idle, "5/0, drop"},
      {E::send_hold_expires, "9687 4.3: Established only", sent, ""},
      {E::tcp_up, "8.2.2: 16, 17: another connection", sent, ""},
      {E::tcp_fails, "8.2.2: 18 (the core dials)", idle, "drop"},
      {E::open_received, "8.2.2: 19", confirm, "KEEPALIVE, hold 90, keepalive"},
      {E::header_error, "8.2.2: 21", idle, "1/3 9, drop"},
      {E::open_error, "8.2.2: 22", idle, "2/2, drop"},
      {E::collision_dump, "8.2.2: 23, 4486 4", idle, "6/7, drop"},
      {E::notification_received, "8.2.2: 24; 6.4: not answered", idle, "drop"},
      {E::keepalive_received, "8.2.2: any other, 26; 6608 4", idle, "5/1 4, drop"},
      {E::update_received, "8.2.2: any other, 27; 6608 4", idle, "5/1 2, drop"},
      {E::refresh_received, "2918 4; 6608 4", idle, "5/1 5, drop"},
      {E::update_error, "8.2.2: any other, 28; 6608 4", idle, "5/1 2, drop"},
  };
  check(sent, rows);
  check(sent, {},
        {E::open_received, "8.2.2: 19, hold time 0: timers are not started", confirm_0,
         "KEEPALIVE, no hold, no keepalive"},
        0);
}

TEST_CASE("OpenConfirm") {
  const std::vector<Row> rows = {
      {E::start_active, "8.2.2: start is ignored", confirm, ""},
      {E::start_passive, "8.2.2: start is ignored", confirm, ""},
      {E::stop, "8.2.2: 2, 8", idle, "6/2 2 104 105, drop"},
      {E::delay_open_expires, "8.2.2: any other, 12", idle, "5/0, drop"},
      {E::hold_expires, "8.2.2: 10", idle, "4/0, drop"},
      {E::keepalive_expires, "8.2.2: 11", confirm, "KEEPALIVE, keepalive"},
      {E::send_hold_expires, "9687 4.3: Established only", confirm, ""},
      {E::tcp_up, "8.2.2: 16, 17: another connection", confirm, ""},
      {E::tcp_fails, "8.2.2: 18", idle, "drop"},
      {E::open_received, "6608 4", idle, "5/2 1, drop"},
      {E::header_error, "8.2.2: 21", idle, "1/3 9, drop"},
      {E::open_error, "8.2.2: 22", idle, "2/2, drop"},
      {E::collision_dump, "8.2.2: 23, 4486 4", idle, "6/7, drop"},
      {E::notification_received, "8.2.2: 24, 25", idle, "drop"},
      {E::keepalive_received, "8.2.2: 26; 9687 4.3", up, "established, hold 90, send hold"},
      {E::update_received, "8.2.2: any other, 27; 6608 4", idle, "5/2 2, drop"},
      {E::refresh_received, "2918 4; 6608 4", idle, "5/2 5, drop"},
      {E::update_error, "8.2.2: any other, 28; 6608 4", idle, "5/2 2, drop"},
  };
  check(confirm, rows);
}

TEST_CASE("OpenConfirm with hold time 0") {
  const std::vector<Row> rows = {
      {E::start_active, "8.2.2: start is ignored", confirm_0, ""},
      {E::start_passive, "8.2.2: start is ignored", confirm_0, ""},
      {E::stop, "8.2.2: 2, 8", idle, "6/2 2 104 105, drop"},
      {E::delay_open_expires, "8.2.2: any other, 12", idle, "5/0, drop"},
      {E::hold_expires, "a timer that does not run", confirm_0, ""},
      {E::keepalive_expires, "4.4: none may be sent", confirm_0, ""},
      {E::send_hold_expires, "9687 4.3: Established only", confirm_0, ""},
      {E::tcp_up, "8.2.2: 16, 17: another connection", confirm_0, ""},
      {E::tcp_fails, "8.2.2: 18", idle, "drop"},
      {E::open_received, "6608 4", idle, "5/2 1, drop"},
      {E::header_error, "8.2.2: 21", idle, "1/3 9, drop"},
      {E::open_error, "8.2.2: 22", idle, "2/2, drop"},
      {E::collision_dump, "8.2.2: 23, 4486 4", idle, "6/7, drop"},
      {E::notification_received, "8.2.2: 24, 25", idle, "drop"},
      {E::keepalive_received, "8.2.2: 26; 9687 4.3", up_0, "established"},
      {E::update_received, "8.2.2: any other, 27; 6608 4", idle, "5/2 2, drop"},
      {E::refresh_received, "2918 4; 6608 4", idle, "5/2 5, drop"},
      {E::update_error, "8.2.2: any other, 28; 6608 4", idle, "5/2 2, drop"},
  };
  check(confirm_0, rows);
}

TEST_CASE("Established") {
  const std::vector<Row> rows = {
      {E::start_active, "8.2.2: start is ignored", up, ""},
      {E::start_passive, "8.2.2: start is ignored", up, ""},
      {E::stop, "8.2.2: 2, 8", idle, "6/2 2 104 105, drop"},
      {E::delay_open_expires, "8.2.2: any other, 12", idle, "5/0, drop"},
      {E::hold_expires, "8.2.2: 10", idle, "4/0, drop"},
      {E::keepalive_expires, "8.2.2: 11", up, "KEEPALIVE, keepalive"},
      {E::send_hold_expires, "9687 4.3: 29", idle, "8/0, drop"},
      {E::tcp_up, "8.2.2: 16, 17: another connection", up, ""},
      {E::tcp_fails, "8.2.2: 18", idle, "drop"},
      {E::open_received, "6608 4", idle, "5/3 1, drop"},
      {E::header_error, "6.1 against 8.2.2's any other, 21", idle, "1/3 9, drop"},
      {E::open_error, "8.2.2: any other, 22; 6608 4", idle, "5/3 1, drop"},
      {E::collision_dump, "8.2.2: 23, 4486 4", idle, "6/7, drop"},
      {E::notification_received, "8.2.2: 24, 25", idle, "drop"},
      {E::keepalive_received, "8.2.2: 26", up, "hold 90"},
      {E::update_received, "8.2.2: 27", up, "pass, hold 90"},
      {E::refresh_received, "2918 4", up, "pass, hold 90"},
      {E::update_error, "8.2.2: 28", idle, "3/1 7, drop"},
  };
  check(up, rows);
}

TEST_CASE("Established with hold time 0") {
  const std::vector<Row> rows = {
      {E::start_active, "8.2.2: start is ignored", up_0, ""},
      {E::start_passive, "8.2.2: start is ignored", up_0, ""},
      {E::stop, "8.2.2: 2, 8", idle, "6/2 2 104 105, drop"},
      {E::delay_open_expires, "8.2.2: any other, 12", idle, "5/0, drop"},
      {E::hold_expires, "a timer that does not run", up_0, ""},
      {E::keepalive_expires, "4.4: none may be sent", up_0, ""},
      {E::send_hold_expires, "9687 4.3: stopped with hold time 0", up_0, ""},
      {E::tcp_up, "8.2.2: 16, 17: another connection", up_0, ""},
      {E::tcp_fails, "8.2.2: 18", idle, "drop"},
      {E::open_received, "6608 4", idle, "5/3 1, drop"},
      {E::header_error, "6.1 against 8.2.2's any other, 21", idle, "1/3 9, drop"},
      {E::open_error, "8.2.2: any other, 22; 6608 4", idle, "5/3 1, drop"},
      {E::collision_dump, "8.2.2: 23, 4486 4", idle, "6/7, drop"},
      {E::notification_received, "8.2.2: 24, 25", idle, "drop"},
      {E::keepalive_received, "8.2.2: 26", up_0, ""},
      {E::update_received, "8.2.2: 27", up_0, "pass"},
      {E::refresh_received, "2918 4", up_0, "pass"},
      {E::update_error, "8.2.2: 28", idle, "3/1 7, drop"},
  };
  check(up_0, rows);
}

TEST_CASE("a stop with code 0 ends without a word") {
  for (const Fsm& before : {sent, confirm, up}) {
    Fsm fsm = before;
    const Actions acts = step(fsm, {}, {.event = E::stop, .notification = {}});
    CHECK(words(acts) == "drop");
    CHECK(fsm == idle);
  }
}

TEST_CASE("states are called as the RFC calls them") {
  std::string all;
  for (const State state : {State::idle, State::connect, State::active, State::open_sent,
                            State::open_confirm, State::established})
    all += std::string(to_string(state)) + " ";
  CHECK(all == "Idle Connect Active OpenSent OpenConfirm Established ");
}

TEST_CASE("send hold time: RFC 9687 section 6") {
  CHECK(send_hold_s(0) == 0);
  CHECK(send_hold_s(3) == 480);
  CHECK(send_hold_s(90) == 480);
  CHECK(send_hold_s(240) == 480);
  CHECK(send_hold_s(241) == 482);
  CHECK(send_hold_s(65535) == 131070);
}

TEST_CASE("collisions: RFC 4271 section 6.8, RFC 6286 section 2.3") {
  CHECK(ours_survives(2, 64500, 1, 64501));
  CHECK_FALSE(ours_survives(1, 64501, 2, 64500));
  CHECK(ours_survives(0xC0000201, 1, 0x0A000001, 1));  // unsigned, in host order
  CHECK(ours_survives(1, 64501, 1, 64500));
  CHECK_FALSE(ours_survives(1, 64500, 1, 64501));
  // The two ends agree on which one it is.
  for (const std::uint32_t id : {1U, 2U, 0xFFFFFFFFU})
    for (const std::uint32_t as : {1U, 64500U})
      if (id != 2 || as != 64500)
        CHECK(ours_survives(id, as, 2, 64500) != ours_survives(2, 64500, id, as));
}

// What one connection has seen, kept apart from the machine.
struct Seen {
  bool hold = false, keepalive = false, delay = false, send_hold = false;  // timers that run
  bool open = false;
};

void turn(bool& timer, TimerChange change) {
  if (change != TimerChange::keep) timer = change == TimerChange::start;
}

std::string wrong(Seen& seen, const Fsm& before, E event, const Fsm& after, const Actions& acts) {
  if (acts.send_open && seen.open) return "a second OPEN";
  seen.open |= acts.send_open;
  if (acts.send_keepalive && !seen.open) return "a KEEPALIVE before the OPEN";
  if (acts.send_notification && (!seen.open || acts.send_open))
    return "a NOTIFICATION before the OPEN";
  if (acts.send_notification && !acts.drop) return "a NOTIFICATION that ends nothing";
  if (acts.send_notification &&
      (event == E::notification_received || event == E::tcp_fails || acts.notification.code == 0))
    return "a NOTIFICATION that has no business there";
  if (acts.pass_update && (before.state != State::established || acts.drop))
    return "an UPDATE outside of Established";
  if (acts.established != (after.state == State::established && before.state != State::established))
    return "established is not what it says";
  if (before.state == State::idle && words(acts) != (event == E::tcp_up ? "drop" : ""))
    return "acts in Idle";
  if (acts.drop && after != Fsm{}) return "not Idle after the end";
  if (!acts.drop && after.state == State::idle && before.state != State::idle)
    return "Idle without an end";
  if (acts.hold == TimerChange::start && acts.hold_s == 0) return "a hold timer of 0";
  turn(seen.hold, acts.hold);
  turn(seen.keepalive, acts.keepalive);
  turn(seen.delay, acts.delay_open);
  turn(seen.send_hold, acts.send_hold);
  if (acts.drop) seen.open = false;
  const bool agreed = after.state == State::open_confirm || after.state == State::established;
  const bool timed = agreed && after.hold_time_s != 0;
  if (seen.hold != (timed || after.state == State::open_sent)) return "the hold timer";
  if (seen.keepalive != timed) return "the keepalive timer";
  if (seen.delay != after.delaying_open) return "the delay-open timer";
  if (seen.send_hold != (timed && after.state == State::established)) return "the send hold timer";
  if (seen.open != after.open_was_sent) return "open_was_sent";
  return {};
}

TEST_CASE("random events") {
  constexpr unsigned seed = 20260102;
  MESSAGE("seed ", seed);
  std::mt19937 random(seed);
  const auto draw = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  // What leads on from each state, Idle first.
  constexpr E onward[][3] = {
      {E::start_active, E::start_passive, E::start_passive},
      {E::tcp_up, E::delay_open_expires, E::open_received},
      {E::tcp_up, E::delay_open_expires, E::open_received},
      {E::open_received, E::open_received, E::tcp_up},
      {E::keepalive_received, E::keepalive_received, E::keepalive_expires},
      {E::update_received, E::refresh_received, E::keepalive_expires},
  };
  std::size_t established = 0, ended = 0, told = 0, passed = 0;
  for (int walk = 0; walk < 5000; ++walk) {
    Fsm fsm;
    Seen seen;
    std::string path;
    for (int i = 0; i < 60; ++i) {
      // A machine that is left to chance alone hardly ever gets anywhere.
      const E event = draw(3) != 0 ? onward[static_cast<std::size_t>(fsm.state)][draw(3)]
                                   : static_cast<E>(draw(events));
      const Settings settings{.delay_open = draw(3) == 0};
      const Fsm before = fsm;
      const Actions acts = step(fsm, settings, with(event, draw(3) == 0 ? 0 : 90));
      path += " " + words(event);
      established += acts.established;
      ended += acts.drop;
      told += acts.send_notification;
      passed += acts.pass_update;
      const std::string fault = wrong(seen, before, event, fsm, acts);
      if (!fault.empty()) {
        FAIL(fault << ": " << words(before) << " -> " << words(fsm) << ", actions " << words(acts)
                   << ", seed " << seed << ", walk" << path);
      }
    }
  }
  // The walks have been everywhere.
  CHECK(established > 1000);
  CHECK(ended > 10000);
  CHECK(told > 5000);
  CHECK(passed > 1000);
}

TEST_CASE("the judge of the walks sees faults") {
  const auto judged = [](const Fsm& before, E event, const Fsm& after, const Actions& acts) {
    const bool agreed = before.state == State::open_confirm || before.state == State::established;
    Seen seen{.hold = agreed || before.state == State::open_sent,
              .keepalive = agreed,
              .send_hold = before.state == State::established,
              .open = before.open_was_sent};
    return wrong(seen, before, event, after, acts);
  };
  CHECK(judged(up, E::keepalive_received, up, {}).empty());
  CHECK(judged(connect, E::tcp_up, connect, {.send_keepalive = true}) ==
        "a KEEPALIVE before the OPEN");
  CHECK(judged(sent, E::tcp_up, sent, {.send_open = true}) == "a second OPEN");
  CHECK(judged(up, E::stop, up, {.send_notification = true, .notification = {6, 2, {}}}) ==
        "a NOTIFICATION that ends nothing");
  CHECK(judged(confirm, E::update_received, confirm, {.pass_update = true}) ==
        "an UPDATE outside of Established");
  CHECK(judged(idle, E::stop, idle, {.drop = true}) == "acts in Idle");
  CHECK(judged(up, E::stop, up, {.drop = true}) == "not Idle after the end");
  CHECK(judged(up, E::stop, idle, {.drop = true}) == "the hold timer");
}

}  // namespace
}  // namespace bgp
