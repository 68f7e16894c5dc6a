// PeerSide: what a session does about its link to the peer. A pure machine: step(state, event)
// gives the new state and a set of actions; session.cpp is the one place that acts.
//
// It covers persistent sessions (one link, RFC 9293's active and passive open) and per-client
// sessions (any number of links; the state follows from their count and from the last dial).
#pragma once

#include <cstdint>

#include "config/config.hpp"
#include "session/status.hpp"

namespace peerhold {

struct PeerSide {
  Mode mode = Mode::active;
  bool per_client = false;
  bool plugin_settles = false;  // PH_COLLISION: an attempt goes on beside a link that was accepted
  SessionState state = SessionState::down;
  bool wanted = true;        // the plugin wants a link (want_peer)
  bool claimed = false;      // the listener knows us
  bool dialing = false;      // an attempt is under way
  std::uint32_t links = 0;   // opening or established
  bool established = false;  // persistent: the plugin said so; per-client: links > 0
  bool cooling = false;      // a retry timer runs
  bool dial_failed = false;  // per-client: the last dial failed (backoff until the next)
  bool app_shut = false;     // the app socket cannot be opened: no client can come
  bool operator==(const PeerSide&) const = default;
};

enum class PeerEvent : std::uint8_t {
  start,         // administratively up (or the keeper starts)
  stop,          // administratively down, removed, or the keeper ends
  claim_ok,      // the listener took us
  claim_failed,  // no address, no port, no room for the key
  client,        // per-client, active: a client waits for a link of its own
  dialed,        // our attempt connected
  dialed_rival,  // … beside a link: not counted, the conversation settles it
  dial_failed,
  accepted,   // a link from the peer came and was taken (collision settled by the caller)
  up,         // the plugin's handshake is done
  replaced,   // the established link ended, and its rival, not established yet, took its place
  link_lost,  // one link ended, from either side
  retry_due,
  kick,  // an address or interface of this host changed: do not wait
  app_shut,
  app_open,  // the app socket could not be opened; it is open
  want,
  unwant,  // want_peer(true / false)
  broken,  // what no waiting can cure
};

enum PeerAction : std::uint16_t {
  act_none = 0,
  act_claim = 1,  // put the claim on the listener; answer claim_ok or claim_failed
  act_unclaim = 2,
  act_dial = 4,  // start an attempt
  act_cancel_dial = 8,
  act_drop_links = 16,  // say goodbye and end every link
  act_arm_retry = 32,   // Backoff::next, then retry_due
  act_cancel_retry = 64,
  act_close_links = 128,  // the plugin wants none: its links to the peer end, without a goodbye
};

// Changes `side`; returns PeerAction bits.
std::uint16_t step(PeerSide& side, PeerEvent event);

}  // namespace peerhold
