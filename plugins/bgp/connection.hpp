// Connection: one TCP connection that speaks BGP, to the peer or to the app: its state machine,
// what the two OPENs say, its deadlines and its counters. A value that Speaker owns and acts for.
#pragma once

#include <peerhold/host.hpp>

#include <algorithm>
#include <array>
#include <limits>

#include "fsm.hpp"
#include "open.hpp"
#include "update.hpp"

namespace bgp {

using Ms = std::int64_t;
inline constexpr Ms never = std::numeric_limits<Ms>::max();

struct Connection {
  enum class Role : std::uint8_t { peer, rival, app } role = Role::peer;
  ph_link link = PH_PEER;
  bool outgoing = false;
  bool closing = false;           // ended by us; on_down is still to come
  bool established_owed = false;  // a rival that became Established before it was promoted
  bool keepalive_owed = false;    // there was no room for one
  bool held_back = false;         // of the app: it is not read, as there is no room at the peer
  Fsm fsm;
  Open ours;
  std::optional<Open> theirs;
  Agreement agreed;
  ph_addr local{};
  Ms established_at = 0;
  Ms last_input = 0;               // of the app: has it been heard of lately?
  std::uint64_t accepted = 0;      // bytes that the host took
  std::uint64_t acknowledged = 0;  // ... and the far end had acknowledged when that was last seen
  Ms progress_at = 0;              // to change
  // Deadlines; `never` where none runs. One timer of the host's serves all of them.
  Ms hold_at = never, keepalive_at = never, delay_open_at = never, stuck_at = never;
  Ms armed_at = never;
  std::array<std::uint64_t, 6> in{}, out{};  // messages by type

  bool is(State state) const { return fsm.state == state; }
  bool speaks() const { return is(State::established) && !closing && !established_owed; }
  std::size_t limit() const { return theirs ? agreed.limit() : max_message; }
  Encoding reading() const { return encoding(add_path::receive); }
  Encoding writing() const { return encoding(add_path::send); }
  Ms earliest() const { return std::min({hold_at, keepalive_at, delay_open_at, stuck_at}); }

 private:
  Encoding encoding(std::uint8_t direction) const {
    Encoding e;
    e.limit = agreed.limit();
    for (const auto& [family, directions] : agreed.add_path) {
      if ((directions & direction) != 0) e.add_path[family] = true;
    }
    return e;
  }
};

}  // namespace bgp
