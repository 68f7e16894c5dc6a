// The state machine of one BGP connection: RFC 4271 §8.2.2, with the subcodes and data of RFC 6608
// for what comes in the wrong state, and RFC 9687's send hold timer. Called by the plugin's two
// sides, that of the peer and that of the app, which carry out the actions and own the timers.
//
// Where it goes another way than §8.2.2, on purpose:
// - A connection that fails leads to Idle in every state. Dialling again, for which the RFC goes to
//   Active, is the core's.
// - A NOTIFICATION is never answered by one (§6.4), also not by OpenSent's "any other event" (25).
// - A broken header gets its own code in Established as well: §6.1 says MUST, where §8.2.2 has an
// FSM
//   error.
// - A second OPEN on one connection is an unexpected message (RFC 6608): §8.2.2 has only the other
//   connection's in mind, which is fed to that one's machine.
// - A timer that does not run cannot expire: where the negotiated hold time is 0, or no
// DelayOpenTimer
//   was started, its event is ignored.
#include "fsm.hpp"

#include <algorithm>
#include <utility>

#include "message.hpp"

namespace bgp {
namespace {

// "Releases all BGP resources, drops the TCP connection, changes its state to Idle."
Actions end(Fsm& fsm) {
  fsm = Fsm{};
  Actions acts;
  acts.drop = true;
  acts.hold = acts.keepalive = acts.delay_open = acts.send_hold = TimerChange::stop;
  return acts;
}

Actions end_with(Fsm& fsm, Notification notification) {
  Actions acts = end(fsm);
  acts.send_notification = notification.code != 0;
  if (acts.send_notification) acts.notification = std::move(notification);
  return acts;
}

// RFC 6608 §4: the state is the subcode, the message's type the data.
Actions unexpected(Fsm& fsm, Type type) {
  const std::uint8_t subcode = fsm.state == State::open_sent      ? fsm_error::in_open_sent
                               : fsm.state == State::open_confirm ? fsm_error::in_open_confirm
                                                                  : fsm_error::in_established;
  return end_with(fsm, {code::fsm, subcode, {static_cast<std::uint8_t>(type)}});
}

// RFC 6608 has no subcode for a timer that expires in the wrong state.
Actions out_of_turn(Fsm& fsm) {
  return end_with(fsm, {code::fsm, fsm_error::unspecified, {}});
}

Actions hold_timer_expired(Fsm& fsm) {
  return end_with(fsm, {code::hold_timer, 0, {}});
}

// RFC 4486 §4: the subcode of the connection that loses a collision.
Actions collided(Fsm& fsm) {
  return end_with(fsm, {code::cease, cease::collision, {}});
}

void send_open(Fsm& fsm, Actions& acts) {
  acts.send_open = true;
  fsm.open_was_sent = true;
  if (fsm.delaying_open) acts.delay_open = TimerChange::stop;
  fsm.delaying_open = false;
}

Actions to_open_sent(Fsm& fsm) {
  Actions acts;
  send_open(fsm, acts);
  acts.hold = TimerChange::start;
  acts.hold_s = hold_large_s;
  fsm.state = State::open_sent;
  return acts;
}

// The peer's OPEN was good: answer it, and go by the negotiated hold time from now on.
void to_open_confirm(Fsm& fsm, Actions& acts, std::uint16_t hold_time_s) {
  acts.send_keepalive = true;
  acts.hold = acts.keepalive = hold_time_s != 0 ? TimerChange::start : TimerChange::stop;
  acts.hold_s = hold_time_s;
  fsm.hold_time_s = hold_time_s;
  fsm.state = State::open_confirm;
}

Actions alive(const Fsm& fsm) {
  Actions acts;
  if (fsm.hold_time_s == 0) return acts;
  acts.hold = TimerChange::start;
  acts.hold_s = fsm.hold_time_s;
  return acts;
}

// §4.4: with a hold time of 0 no periodic KEEPALIVE may be sent.
Actions keep_alive(const Fsm& fsm) {
  Actions acts;
  if (fsm.hold_time_s == 0) return acts;
  acts.send_keepalive = true;
  acts.keepalive = TimerChange::start;
  return acts;
}

// §8.2.2, Idle state
Actions in_idle(Fsm& fsm, const Input& input) {
  switch (input.event) {
    case Event::start_active:
      fsm.state = State::connect;
      break;
    case Event::start_passive:
      fsm.state = State::active;
      fsm.passive = true;
      break;
    case Event::tcp_up:  // "refuses all incoming BGP connections"
      return end(fsm);
    default:  // "any other event does not cause change"
      break;
  }
  return {};
}

// §8.2.2, Connect state and Active state: they differ in what the core does. No OPEN was sent, so
// that no NOTIFICATION is (§8.1.1: SendNOTIFICATIONwithoutOPEN is FALSE).
Actions in_connect_or_active(Fsm& fsm, const Settings& settings, const Input& input) {
  Actions acts;
  switch (input.event) {
    case Event::start_active:
    case Event::start_passive:
      return acts;
    case Event::tcp_up:  // 16, 17
      if (!settings.delay_open) return to_open_sent(fsm);
      fsm.delaying_open = true;
      acts.delay_open = TimerChange::start;
      return acts;
    case Event::delay_open_expires:  // 12
      return fsm.delaying_open ? to_open_sent(fsm) : acts;
    case Event::open_received:  // 20; 19 where no DelayOpenTimer runs
      if (!fsm.delaying_open) return end(fsm);
      send_open(fsm, acts);
      to_open_confirm(fsm, acts, input.hold_time_s);
      return acts;
    case Event::send_hold_expires:
      return acts;
    default:  // 2, 8, 18, 21, 22, 24 and "any other events"
      return end(fsm);
  }
}

// §8.2.2, OpenSent
Actions in_open_sent(Fsm& fsm, const Input& input) {
  Actions acts;
  switch (input.event) {
    case Event::start_active:
    case Event::start_passive:
    case Event::tcp_up:  // another connection, which has a machine of its own
    case Event::send_hold_expires:
      return acts;
    case Event::stop:          // 2, 8
    case Event::header_error:  // 21
    case Event::open_error:    // 22
      return end_with(fsm, input.notification);
    case Event::hold_expires:  // 10
      return hold_timer_expired(fsm);
    case Event::open_received:  // 19
      to_open_confirm(fsm, acts, input.hold_time_s);
      return acts;
    case Event::collision_dump:  // 23
      return collided(fsm);
    case Event::tcp_fails:              // 18
    case Event::notification_received:  // 24, 25
      return end(fsm);
    case Event::delay_open_expires:  // 11, 12: "any other event"
    case Event::keepalive_expires:
      return out_of_turn(fsm);
    case Event::keepalive_received:  // 26
      return unexpected(fsm, Type::keepalive);
    case Event::update_received:  // 27, 28
    case Event::update_error:
      return unexpected(fsm, Type::update);
    case Event::refresh_received:
      return unexpected(fsm, Type::route_refresh);
  }
  return acts;
}

// §8.2.2, OpenConfirm state
Actions in_open_confirm(Fsm& fsm, const Input& input) {
  Actions acts;
  switch (input.event) {
    case Event::start_active:
    case Event::start_passive:
    case Event::tcp_up:
    case Event::send_hold_expires:
      return acts;
    case Event::stop:          // 2, 8
    case Event::header_error:  // 21
    case Event::open_error:    // 22
      return end_with(fsm, input.notification);
    case Event::hold_expires:  // 10
      return fsm.hold_time_s != 0 ? hold_timer_expired(fsm) : acts;
    case Event::keepalive_expires:  // 11
      return keep_alive(fsm);
    case Event::collision_dump:  // 23
      return collided(fsm);
    case Event::tcp_fails:              // 18
    case Event::notification_received:  // 24, 25
      return end(fsm);
    case Event::keepalive_received:  // 26, as RFC 9687 §4.3 has it
      acts = alive(fsm);
      acts.established = true;
      if (fsm.hold_time_s != 0) acts.send_hold = TimerChange::start;
      fsm.state = State::established;
      return acts;
    case Event::delay_open_expires:  // 12: "any other event"
      return out_of_turn(fsm);
    case Event::open_received:  // 19
      return unexpected(fsm, Type::open);
    case Event::update_received:  // 27, 28
    case Event::update_error:
      return unexpected(fsm, Type::update);
    case Event::refresh_received:
      return unexpected(fsm, Type::route_refresh);
  }
  return acts;
}

// §8.2.2, Established state
Actions in_established(Fsm& fsm, const Input& input) {
  Actions acts;
  switch (input.event) {
    case Event::start_active:
    case Event::start_passive:
    case Event::tcp_up:
      return acts;
    case Event::stop:          // 2, 8
    case Event::header_error:  // 21
    case Event::update_error:  // 28
      return end_with(fsm, input.notification);
    case Event::hold_expires:  // 10
      return fsm.hold_time_s != 0 ? hold_timer_expired(fsm) : acts;
    case Event::keepalive_expires:  // 11
      return keep_alive(fsm);
    case Event::send_hold_expires:  // RFC 9687 §4.3: 29. To be tried once; nobody waits for its way
                                    // out.
      return fsm.hold_time_s != 0 ? end_with(fsm, {code::send_hold, 0, {}}) : acts;
    case Event::collision_dump:  // 23
      return collided(fsm);
    case Event::tcp_fails:              // 18
    case Event::notification_received:  // 24, 25
      return end(fsm);
    case Event::keepalive_received:  // 26
      return alive(fsm);
    case Event::update_received:  // 27
    case Event::refresh_received:
      acts = alive(fsm);
      acts.pass_update = true;
      return acts;
    case Event::delay_open_expires:  // 12: "any other event"
      return out_of_turn(fsm);
    case Event::open_received:  // 19, 22
    case Event::open_error:
      return unexpected(fsm, Type::open);
  }
  return acts;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::idle:
      return "Idle";
    case State::connect:
      return "Connect";
    case State::active:
      return "Active";
    case State::open_sent:
      return "OpenSent";
    case State::open_confirm:
      return "OpenConfirm";
    case State::established:
      return "Established";
  }
  return "?";
}

Actions step(Fsm& fsm, const Settings& settings, const Input& input) {
  switch (fsm.state) {
    case State::idle:
      return in_idle(fsm, input);
    case State::connect:
    case State::active:
      return in_connect_or_active(fsm, settings, input);
    case State::open_sent:
      return in_open_sent(fsm, input);
    case State::open_confirm:
      return in_open_confirm(fsm, input);
    case State::established:
      return in_established(fsm, input);
  }
  return {};
}

std::uint32_t send_hold_s(std::uint16_t hold_time_s) {
  return hold_time_s == 0 ? 0 : std::max(480U, 2U * hold_time_s);
}

bool ours_survives(std::uint32_t our_id, std::uint32_t our_as, std::uint32_t their_id,
                   std::uint32_t their_as) {
  return our_id != their_id ? our_id > their_id : our_as > their_as;
}

}  // namespace bgp
