// Follower: has the peer of one session changed its key without telling, and to which? A pure
// machine, fed by the keeper's key watch with what the kernel tells and, where capture is allowed,
// with who signed what.
//
// Only two things together move a key: nothing is accepted under the present one any more, although
// the peer was asked (a keepalive probe), and the peer is seen to sign with another key of the
// chain in the window of sequence numbers (with capture), or answers under it (by trial). A segment
// that somebody repeats is correctly signed with an old key, but cannot keep the peer from
// answering.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/units.hpp"

namespace peerhold {

struct Follower {
  enum class Phase : std::uint8_t { quiet, asking, trying } phase = Phase::quiet;
  SteadyTime since{};                  // of the phase, or of the key that is tried
  std::optional<std::uint32_t> heard;  // the peer was captured signing with it …
  bool suspect = false;                // captured too, but where in the window is not known yet
  SteadyTime heard_at{};
  bool fresh = false;       // … bytes that nobody has had yet: no repetition of old ones
  bool by_silence = false;  // asked because nothing at all comes, not because something fails
  bool foreign = false;     // captured signing with no key that it may be followed to
  std::vector<std::uint32_t> left;  // keys that are still to be tried
  SteadyTime rest_until{};          // asked or tried in vain: not again before
  Milliseconds rest{0}, round_rest{0};
  std::size_t turn = 0;  // where among the others the next round begins
  bool operator==(const Follower&) const = default;
};

struct Sight {
  SteadyTime now;
  bool failing = false;    // wrongly signed segments were dropped since the last look
  bool captures = false;   // somebody looks at who signed them
  bool stuck = false;      // our own segments are sent again and again
  bool silent = false;     // … and nothing at all has come for long
  SteadyTime accepted{};   // when something signed with the present key was last accepted
  Milliseconds answer{0};  // how long an answer to a probe may take
};

struct FollowerDoes {
  enum class What : std::uint8_t {
    nothing,
    ask,      // make the peer answer: keepalive probes, quick retransmissions
    settle,   // all is well: no more asking
    follow,   // the peer is on key `id`
    attempt,  // sign with key `id`, and see whether the peer answers
    give_up,  // the key of before again, and no more asking
  } what = What::nothing;
  std::uint32_t id = 0;
};

// The peer was captured signing with key `id`, in the window.
void hear(Follower&, std::uint32_t id, bool fresh, SteadyTime);
// `others`: the keys that the peer may be followed to, the likeliest first.
FollowerDoes look(Follower&, const Sight&, const std::vector<std::uint32_t>& others);

}  // namespace peerhold
