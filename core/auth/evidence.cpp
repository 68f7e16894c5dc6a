// Sorts segments by what they say about the sender's key (RFC 2385) and distance (RFC 5082). Called
// by auth/observer for each segment that a capture shows.
#include "auth/evidence.hpp"

#include <algorithm>

namespace peerhold {

bool Evidence::says_something() const {
  return bare + resets + outside + too_far > 0 || !by_key.empty() || stranger;
}

bool comes_by(const Subject& subject, const Segment& segment) {
  return std::ranges::any_of(subject.ways, [&](const Subject::Way& way) {
    const Address& local = way.local.address;
    const bool here =
        !local || local.is_any() ||
        (local.family == segment.to.address.family && local.bytes == segment.to.address.bytes);
    return here && (way.local.port == 0 || way.local.port == segment.to.port) &&
           (way.peer_port == 0 || way.peer_port == segment.from.port);
  });
}

void weigh(Evidence& e, const Subject& subject, const KeyList& keys, const Segment& segment) {
  if (segment.ttl < subject.least_ttl) {
    ++e.too_far;
    e.far_ttl = std::max(e.far_ttl, segment.ttl);  // the nearest of them
  }
  if (!segment.is_signed()) {
    if ((segment.flags & Segment::rst) != 0)
      ++e.resets;
    else if (subject.chain.empty())
      ++e.right;
    else
      ++e.bare;
    return;
  }
  for (const Key& key : keys) {
    if (!segment.signed_with(key.secret)) continue;
    if (key.id == subject.expected)
      ++e.right;
    else
      ++e.by_key[key.id];
    return;
  }
  ++e.outside;
}

bool weigh_stranger(Evidence& e, const Subject& subject, const KeyList& keys,
                    const Segment& segment) {
  if (!segment.is_signed() || !comes_by(subject, segment)) return false;
  Endpoint sent_from = segment.from;
  sent_from.address = subject.peer.address;
  const bool ours = subject.peer.is_host() && std::ranges::any_of(keys, [&](const Key& key) {
                      return segment.signed_with(key.secret, sent_from, segment.to);
                    });
  if (e.rewritten && !ours) return true;
  e.stranger = segment.from;
  e.rewritten = ours;
  return true;
}

}  // namespace peerhold
