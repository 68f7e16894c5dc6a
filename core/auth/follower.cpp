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
// … and an answer to a key that is tried must find its look: what came at the very moment of the
// change does not count.
constexpr Milliseconds tried_for{1600};
constexpr Milliseconds first_rest{500}, longest_rest{8000};
// Keys are tried in short rounds with rests between them, in which the key of before has its turn:
// a peer that returns to it must not find us on another one each time.
constexpr std::size_t keys_a_round = 6;
constexpr Milliseconds first_round_rest{3000}, longest_round_rest{60000};
// What the kernel's clock of such things is exact to.
constexpr Milliseconds blur{12};

void rest(Follower& f, SteadyTime now, Milliseconds length) {
  f.rest_until = now + length;
  f.phase = Phase::quiet;
  f.heard.reset();
  f.left.clear();
  f.suspect = f.foreign = false;
}

FollowerDoes next_key(Follower& f, SteadyTime now) {
  if (f.left.empty()) {
    f.round_rest = std::clamp(f.round_rest * 2, first_round_rest, longest_round_rest);
    rest(f, now, f.round_rest);
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
      if (s.accepted > f.since + blur && !s.stuck) f.round_rest = {};
      const bool suspect =
          f.heard || std::exchange(f.suspect, false) || (s.failing && (!s.captures || s.stuck));
      // A peer that only ever answers drops what we say without a word, and nothing fails here.
      if ((!suspect && !s.silent) || others.empty() || s.now < f.rest_until) return {};
      f.phase = Phase::asking;
      f.by_silence = !suspect;
      f.since = s.now;
      return {Does::ask, 0};
    }
    case Phase::asking:
      if (s.accepted > f.since + blur) {
        f.rest = std::clamp(f.rest * 2, first_rest, longest_rest);
        f.round_rest = {};
        rest(f, s.now, f.rest);
        return {Does::settle, 0};
      }
      if (s.now - f.since < asked_within + s.answer) return {};
      if (f.heard) {
        const std::uint32_t id = *f.heard;
        f = {};
        return {Does::follow, id};
      }
      if (s.captures && std::exchange(f.foreign, false)) {  // there is nothing to be tried
        rest(f, s.now, first_round_rest);
        return {Does::settle, 0};
      }
      for (std::size_t i = 0; i < std::min(keys_a_round, others.size()); ++i)
        f.left.push_back(others[f.turn++ % others.size()]);
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
      if (s.now - f.since < tried_for + s.answer) return {};
      return next_key(f, s.now);
  }
  return {};
}

}  // namespace peerhold
