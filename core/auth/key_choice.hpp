// KeyChoice: which key of its chain one session signs with, and why. A pure machine: step() changes
// the value and says what happened; the session is the one place that acts (session/keys.cpp).
//
// RFC 8177 (lifetimes), RFC 4808 §2.1 (who changes first waits for the other). What the rules are
// for a user is in docs/keys.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "auth/chain.hpp"

namespace peerhold {

// Why a key is in use: its lifetime; the peer signs with it; `key use`; the peer did not come along
// to another one.
enum class KeyCause : std::uint8_t { schedule, peer, operator_, fallback };
std::string_view to_string(KeyCause);

struct KeyChoice {
  // How long the peer may take to come along, before we go back to the key that it was last seen
  // on (or say that it is late). More than clocks are apart, less than hold timers have.
  static constexpr Milliseconds grace{10000};

  std::uint32_t id = 0;
  KeyCause cause = KeyCause::schedule;
  std::uint32_t scheduled = 0;  // what the lifetimes wanted when they were last asked
  std::optional<std::chrono::sys_seconds> began;  // … its start, when that was reached
  bool clock_heard = false;                       // … with a clock that could be trusted
  bool moving = false;       // the peer has not been seen on `id` since we moved to it
  bool late = false;         // … and the time for it is over
  std::uint32_t before = 0;  // while moving: the key that the peer was last seen on
  SteadyTime since{};        // of the last move
  bool operator==(const KeyChoice&) const = default;
};

struct KeyEvent {
  enum class What : std::uint8_t {
    time,       // to be told again and again: lifetimes and grace
    reloaded,   // the chain may have changed
    peer,       // the peer signs with `id`, beyond doubt
    came,       // the peer has come with `id`, and the kernel has checked its handshake with it
    use,        // an operator wants `id`
    confirmed,  // something signed with our key was accepted since the move
    unlinked,   // no link is left on which the peer could be seen
  } what;
  WallTime wall;
  bool clock_trusted = false;
  SteadyTime now;
  bool linked = false;  // there is a link on which the peer can be seen
  std::uint32_t id = 0;
};

enum class KeyStep : std::uint8_t {
  none,
  moved,      // to `id`; says `cause`
  confirmed,  // the peer has come along
  late,       // it has not, and we stay: report it
};

KeyChoice first_choice(const KeyChain&, WallTime);
KeyStep step(KeyChoice&, const KeyChain&, const KeyEvent&);

}  // namespace peerhold
