// PeerSide: the table of session states as one function without sockets or
// clock.
#include "session/peer_side.hpp"

namespace peerhold {
namespace {

bool listens(const PeerSide& s) {
  return s.mode != Mode::active;
}
bool dials(const PeerSide& s) {
  return s.mode != Mode::passive && !s.per_client;
}
bool stopped(const PeerSide& s) {
  return s.state == SessionState::down || s.state == SessionState::failed;
}

// The state that follows from the facts, for a session that is not stopped.
SessionState derived(const PeerSide& s) {
  if (s.links > 0) {
    return s.established || s.per_client ? SessionState::established : SessionState::opening;
  }
  if (s.dialing) return SessionState::connecting;
  if (s.cooling || s.dial_failed) return SessionState::backoff;
  if (s.per_client && !listens(s)) {  // for clients
    return s.app_shut ? SessionState::backoff : SessionState::listening;
  }
  if (s.claimed) return SessionState::listening;
  return SessionState::backoff;
}

// What an idle session that wants a link does next.
std::uint16_t begin(PeerSide& s) {
  std::uint16_t actions = act_none;
  if (listens(s) && !s.claimed) actions |= act_claim;
  if (dials(s) && s.links == 0 && !s.dialing) {
    s.dialing = true;
    actions |= act_dial;
  }
  return actions;
}

std::uint16_t cool(PeerSide& s) {
  s.cooling = true;
  return act_arm_retry;
}

std::uint16_t warm(PeerSide& s) {
  if (!s.cooling) return act_none;
  s.cooling = false;
  return act_cancel_retry;
}

std::uint16_t cancel_dial(PeerSide& s) {
  if (!s.dialing) return act_none;
  s.dialing = false;
  return act_cancel_dial;
}

std::uint16_t halt(PeerSide& s) {
  std::uint16_t actions = static_cast<std::uint16_t>(warm(s) | cancel_dial(s));
  if (s.links > 0) actions |= act_drop_links;
  if (s.claimed) actions |= act_unclaim;
  s.established = s.dial_failed = s.claimed = false;
  return actions;
}

}  // namespace

std::uint16_t step(PeerSide& s, PeerEvent event) {
  std::uint16_t actions = act_none;
  if (event == PeerEvent::app_shut || event == PeerEvent::app_open) {
    s.app_shut = event == PeerEvent::app_shut;
  }
  // A stopped session only starts; links that end late are still counted.
  if (stopped(s)) {
    if (event == PeerEvent::start) {
      s.state = SessionState::backoff;  // left at once by derived()
      if (s.wanted) actions = begin(s);
      s.state = derived(s);
    } else if (event == PeerEvent::link_lost && s.links > 0) {
      --s.links;
    } else if (event == PeerEvent::want || event == PeerEvent::unwant) {
      s.wanted = event == PeerEvent::want;
    } else if (event == PeerEvent::stop) {
      s.state = SessionState::down;
    } else if (event == PeerEvent::broken) {
      s.state = SessionState::failed;
    }
    return actions;
  }

  switch (event) {
    case PeerEvent::start:
    case PeerEvent::app_shut:
    case PeerEvent::app_open:
      break;
    case PeerEvent::stop:
    case PeerEvent::broken:
      actions = halt(s);
      s.state = event == PeerEvent::stop ? SessionState::down : SessionState::failed;
      return actions;
    case PeerEvent::claim_ok:
      s.claimed = true;
      break;
    case PeerEvent::claim_failed:
      s.claimed = false;
      // An active attempt of `both` goes on; its own retry tries the claim again.
      if (!s.dialing && !s.cooling) actions = cool(s);
      break;
    case PeerEvent::client:
      // One dial at a time, and none while the last failure is fresh.
      if (!s.per_client || listens(s) || !s.wanted || s.dialing || s.cooling) break;
      s.dialing = true;
      s.dial_failed = false;
      actions = act_dial;
      break;
    case PeerEvent::dialed:
      s.dialing = false;
      ++s.links;
      s.established = false;
      break;
    case PeerEvent::dialed_rival:
      s.dialing = false;
      break;
    case PeerEvent::dial_failed:
      s.dialing = false;
      s.dial_failed = s.per_client;
      if ((s.links == 0 || s.per_client) && !s.cooling) actions = cool(s);
      break;
    case PeerEvent::accepted:
      if (!s.wanted) return act_none;
      actions = warm(s);
      if (!s.plugin_settles) actions |= cancel_dial(s);
      ++s.links;
      break;
    case PeerEvent::up:
      s.established = s.links > 0;
      // RFC 4724 §5: a peer may take a second connection for our restart, and end this one.
      if (!s.per_client) actions = cancel_dial(s);
      break;
    case PeerEvent::replaced:
      s.established = false;
      break;
    case PeerEvent::link_lost:
      if (s.links > 0) --s.links;
      if (s.links > 0) break;
      s.established = false;
      if (s.wanted && dials(s) && !s.dialing && !s.cooling) actions = cool(s);
      break;
    case PeerEvent::retry_due:
      s.cooling = false;
      if (s.wanted) actions = begin(s);
      break;
    case PeerEvent::kick:
      // Waiting for a claim, or for the next attempt, ends; a link or an attempt is left alone.
      if (!s.wanted || (s.links > 0 && (s.claimed || !listens(s)))) break;
      if (s.cooling || (listens(s) && !s.claimed)) {
        actions = warm(s);
        actions |= begin(s);
      }
      break;
    case PeerEvent::want:
      if (s.wanted) break;  // asking again is no way around the waiting
      s.wanted = true;
      actions = begin(s);
      break;
    case PeerEvent::unwant:
      s.wanted = false;
      actions = halt(s);
      if ((actions & act_drop_links) != 0) actions ^= act_drop_links | act_close_links;
      break;
  }
  s.state = derived(s);
  return actions;
}

}  // namespace peerhold
