// The BGP state machine of one TCP connection (RFC 4271 §8.2.2), as a pure function: no sockets, no
// clock, no bytes. One machine serves both sides of the keeper: towards the peer and towards the
// app.
//
// The core opens connections (ConnectRetryTimer and its counter are [session.retry]), so that a
// machine rests in Connect or Active until a connection is there, and in Idle after it has ended.
#pragma once

#include <cstdint>
#include <string_view>

#include "notification.hpp"

namespace bgp {

enum class State : std::uint8_t { idle, connect, active, open_sent, open_confirm, established };
std::string_view to_string(State);  // as RFC 4271 spells them: "Idle", "OpenSent" …

// RFC 4271 §8.1, and RFC 9687's. Those that the core has in hand (3…8, 13, 15…) are not there.
enum class Event : std::uint8_t {
  start_active,           // 1: ManualStart
  start_passive,          // 4: ManualStart_with_PassiveTcpEstablishment
  stop,                   // 2, 8: ManualStop, AutomaticStop: the goodbye is in Input::notification
  delay_open_expires,     // 12
  hold_expires,           // 10
  keepalive_expires,      // 11
  send_hold_expires,      // RFC 9687: 29
  tcp_up,                 // 16, 17
  tcp_fails,              // 18
  open_received,          // 19 (20 while DelayOpen runs); it was checked and agreed to
  header_error,           // 21
  open_error,             // 22
  collision_dump,         // 23
  notification_received,  // 24, 25
  keepalive_received,     // 26
  update_received,        // 27
  refresh_received,       // ROUTE-REFRESH, which RFC 2918 §4 allows in Established only; as 27
  update_error,           // 28
};

struct Settings {
  bool delay_open = false;  // RFC 4271 §8.1.1: the OPEN waits for the peer's, or for DelayOpenTimer
};

struct Input {
  Event event;
  // header_error, open_error, update_error, stop: what to send. With code 0, which does not exist,
  // stop ends the connection without a word, as one who restarts gracefully does (RFC 4724).
  Notification notification;
  // open_received: the negotiated hold time in seconds, 0 for none.
  std::uint16_t hold_time_s = 0;
};

enum class TimerChange : std::uint8_t { keep, start, stop };

// What follows from a step, in the order of the members.
struct Actions {
  bool send_open = false;
  bool send_keepalive = false;
  bool send_notification = false;
  Notification notification;  // with send_notification
  bool drop = false;          // the connection ends
  bool established = false;   // has just become Established
  bool pass_update = false;   // the UPDATE or ROUTE-REFRESH may be used
  TimerChange hold = TimerChange::keep, keepalive = TimerChange::keep,
              delay_open = TimerChange::keep, send_hold = TimerChange::keep;
  // hold is started with this: hold_large until the OPEN is there (RFC 4271 §8: 4 minutes), then
  // the negotiated one; keepalive with a third of it, times 0.75…1.0 (§10, the caller draws).
  std::uint16_t hold_s = 0;
};
inline constexpr std::uint16_t hold_large_s = 240;

struct Fsm {
  State state = State::idle;
  bool passive = false;
  bool delaying_open = false;  // DelayOpenTimer runs
  bool open_was_sent = false;
  std::uint16_t hold_time_s = 0;  // negotiated; 0: no hold and keepalive timers
  bool operator==(const Fsm&) const = default;
};

Actions step(Fsm&, const Settings&, const Input&);

// RFC 9687 §6: the larger of 8 minutes and twice the hold time; 0 where the hold time is 0.
std::uint32_t send_hold_s(std::uint16_t hold_time_s);

// RFC 4271 §6.8 with RFC 6286 §2.3: of two connections to one peer, does the one survive that we
// opened? Identifiers first, then AS numbers where they are equal.
bool ours_survives(std::uint32_t our_id, std::uint32_t our_as, std::uint32_t their_id,
                   std::uint32_t their_as);

}  // namespace bgp
