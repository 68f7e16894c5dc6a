// KeyChoice: the rules by which a session moves from key to key, as one function without sockets or
// clock. Called by session/keys.cpp.
#include "auth/key_choice.hpp"

#include <algorithm>
#include <utility>

namespace peerhold {
namespace {

using What = KeyEvent::What;

std::optional<std::chrono::sys_seconds> start_of(const KeyChain& chain, std::uint32_t id) {
  const auto key = std::ranges::find(chain.keys(), id, [](const ChainKey& k) { return k.key.id; });
  return key == chain.keys().end() ? std::nullopt : key->start;
}

// What the lifetimes want.
void schedule(KeyChoice& c, const KeyChain& chain, WallTime now) {
  c.scheduled = chain.in_use(now).id;
  c.began = start_of(chain, c.scheduled);
  if (c.began && now < WallTime(*c.began)) c.began.reset();
}

// Its start was reached, is in the file as it was, and is ahead again.
bool clock_was_set_back(const KeyChoice& c, const KeyChain& chain, WallTime now) {
  return c.began && now < WallTime(*c.began) && start_of(chain, c.scheduled) == c.began;
}

KeyStep move(KeyChoice& c, std::uint32_t to, KeyCause cause, const KeyEvent& event) {
  // A second move before the peer came along to the first: it was last seen where it was.
  if (!c.moving) c.before = c.id;
  c.id = to;
  c.cause = cause;
  c.moving = event.linked && to != c.before;
  c.late = false;
  c.since = event.now;
  return KeyStep::moved;
}

// RFC 4808 §2.1: the receiver that changes last decides; one that does not change is not cut off.
KeyStep grace_over(KeyChoice& c, const KeyChain& chain, const KeyEvent& event) {
  if (c.late) return KeyStep::none;
  const bool known = chain.find(c.before) != nullptr;
  const bool back = c.cause == KeyCause::operator_ || chain.rollover() == Rollover::follow;
  if (known && back && (c.cause == KeyCause::operator_ || chain.acceptable(c.before, event.wall))) {
    return move(c, c.before, KeyCause::fallback, event);
  }
  c.late = true;
  return KeyStep::late;
}

KeyStep by_lifetime(KeyChoice& c, const KeyChain& chain, const KeyEvent& event) {
  if (!event.clock_trusted || chain.rollover() == Rollover::manual) return KeyStep::none;
  const std::uint32_t wanted = chain.in_use(event.wall).id;
  const bool first = !std::exchange(c.clock_heard, true);
  if (wanted != c.scheduled) {
    // A move that was made is not taken back, nor made a second time.
    if (!first && clock_was_set_back(c, chain, event.wall)) return KeyStep::none;
    schedule(c, chain, event.wall);
    return wanted == c.id ? KeyStep::none : move(c, wanted, KeyCause::schedule, event);
  }
  // The peer's choice counts only as long as its key is one that we would follow it to.
  const bool followed = c.cause == KeyCause::peer || c.cause == KeyCause::fallback;
  if (c.id != wanted && followed && !chain.acceptable(c.id, event.wall))
    return move(c, wanted, KeyCause::schedule, event);
  return KeyStep::none;
}

}  // namespace

std::string_view to_string(KeyCause cause) {
  switch (cause) {
    case KeyCause::schedule:
      return "schedule";
    case KeyCause::peer:
      return "peer";
    case KeyCause::operator_:
      return "operator";
    case KeyCause::fallback:
      return "fallback";
  }
  return "?";
}

KeyChoice first_choice(const KeyChain& chain, WallTime now) {
  KeyChoice c;
  schedule(c, chain, now);
  c.id = c.scheduled;
  return c;
}

KeyStep step(KeyChoice& c, const KeyChain& chain, const KeyEvent& event) {
  switch (event.what) {
    case What::time: {
      const KeyStep done = by_lifetime(c, chain, event);
      if (done != KeyStep::none || !c.moving || event.now - c.since < KeyChoice::grace) return done;
      return grace_over(c, chain, event);
    }
    case What::reloaded: {
      const bool gone = chain.find(c.id) == nullptr;
      if (gone) {
        schedule(c, chain, event.wall);
        return move(c, c.scheduled, KeyCause::schedule, event);
      }
      return by_lifetime(c, chain, event);
    }
    case What::peer:
      if (chain.rollover() != Rollover::follow || event.id == c.id ||
          !chain.acceptable(event.id, event.wall))
        return KeyStep::none;
      // It was there when we left, and gets its time to come along. Where the move only followed a
      // peer that now shows itself on the old key, there is nothing to wait for.
      if (c.moving && event.id == c.before && c.cause != KeyCause::peer) return KeyStep::none;
      return move(c, event.id, KeyCause::peer, event);
    case What::came:  // nothing to be asked or waited for
      if (event.id == c.id || chain.find(event.id) == nullptr) return KeyStep::none;
      move(c, event.id, KeyCause::peer, event);
      c.moving = false;
      return KeyStep::moved;
    case What::use:
      if (event.id == c.id) return KeyStep::none;
      return move(c, event.id, KeyCause::operator_, event);
    case What::confirmed:
      if (!c.moving) return KeyStep::none;
      c.moving = c.late = false;
      return KeyStep::confirmed;
    case What::unlinked:
      // Whoever comes, or is dialled, next shows what it signs with.
      c.moving = c.late = false;
      return KeyStep::none;
  }
  return KeyStep::none;
}

}  // namespace peerhold
