// Follower: as one function without sockets or clock. Called by session/keys.cpp; RFC 4808 §2.1.
#include "auth/follower.hpp"

#include <algorithm>
#include <utility>

namespace peerhold {
namespace {

using Does = FollowerDoes::What;
using Phase = Follower::Phase;

// A keepalive probe is sent at the latest this long after the last byte (TCP_KEEPIDLE = 1 s), and
// retransmissions come no further apart (TCP_RTO_MAX_MS).
constexpr Milliseconds asked_within{1100};
constexpr Milliseconds first_rest{500}, longest_rest{8000};
// What the kernel's clock of such things is exact to.
constexpr Milliseconds blur{12};

void rest(Follower& f, SteadyTime now) {
  f.rest = std::clamp(f.rest * 2, first_rest, longest_rest);
  f.rest_until = now + f.rest;
  f.phase = Phase::quiet;
  f.heard.reset();
  f.left.clear();
}

FollowerDoes next_key(Follower& f, SteadyTime now) {
  if (f.left.empty()) {
    rest(f, now);
    return {Does::give_up, 0};
  }
  const std::uint32_t id = f.left.front();
  f.left.erase(f.left.begin());
  f.phase = Phase::trying;
  f.since = now;
  return {Does::attempt, id};
}

}  // namespace

void hear(Follower& f, std::uint32_t id, bool fresh, SteadyTime now) {
  if (f.heard != id) {
    f.heard = id;
    f.heard_at = now;
    f.fresh = false;
  }
  f.fresh = f.fresh || fresh;
}

FollowerDoes look(Follower& f, const Sight& s, const std::vector<std::uint32_t>& others) {
  if (f.heard && s.accepted > f.heard_at + blur) f.heard.reset();  // it still answers under ours
  if (f.heard && std::ranges::find(others, *f.heard) == others.end()) f.heard.reset();
  // Bytes that are new cannot be a repetition, and none came under the present key since.
  if (f.heard && f.fresh) {
    const std::uint32_t id = *f.heard;
    f = {};
    return {Does::follow, id};
  }
  switch (f.phase) {
    case Phase::quiet: {
      if (!s.failing && !f.heard && s.now > f.rest_until + 2 * longest_rest) f.rest = {};
      const bool suspect =
          f.heard || std::exchange(f.suspect, false) || (s.failing && (!s.captures || s.stuck));
      if (!suspect || others.empty() || s.now < f.rest_until) return {};
      f.phase = Phase::asking;
      f.since = s.now;
      return {Does::ask, 0};
    }
    case Phase::asking:
      if (s.accepted > f.since + blur) {
        rest(f, s.now);
        return {Does::settle, 0};
      }
      if (s.now - f.since < asked_within + s.answer) return {};
      if (f.heard) {
        const std::uint32_t id = *f.heard;
        f = {};
        return {Does::follow, id};
      }
      f.left = others;
      return next_key(f, s.now);
    case Phase::trying:
      if (f.heard) {  // somebody has seen it meanwhile
        const std::uint32_t id = *f.heard;
        f = {};
        return {Does::follow, id};
      }
      if (s.accepted > f.since + blur) {
        f = {};
        return {Does::follow, 0};  // the key that is tried
      }
      if (s.now - f.since < asked_within + s.answer) return {};
      return next_key(f, s.now);
  }
  return {};
}

}  // namespace peerhold
