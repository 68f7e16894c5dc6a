// Evidence: what the segments of one peer say about its key. Pure; filled by auth/observer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/key.hpp"
#include "net/segment.hpp"

namespace peerhold {

// Whom to look at, and what is expected of them.
struct Subject {
  // The two ends that a connection with the peer may have. Port 0: any.
  struct Way {
    Endpoint local;  // an address that is not set, or 0.0.0.0 or ::, is any
    std::uint16_t peer_port = 0;
  };
  Prefix peer;
  std::vector<Way> ways;
  std::string chain;           // empty: not authenticated
  std::uint32_t expected = 0;  // the id of the key that we use
  std::uint8_t least_ttl = 0;  // GTSM (RFC 5082)
};

struct Evidence {
  std::uint64_t right = 0;    // as we expect it
  std::uint64_t bare = 0;     // not signed
  std::uint64_t resets = 0;   // an RST that is not signed: a closed port, or a filter
  std::uint64_t outside = 0;  // signed with no key of the chain; without a chain: signed at all
  std::map<std::uint32_t, std::uint64_t> by_key;  // signed with another key of the chain
  std::uint64_t too_far = 0;                      // below least_ttl
  std::uint8_t far_ttl = 0;
  // Signed segments for the same local end, that came from somebody in no session.
  std::optional<Endpoint> stranger;
  // … the signature is right for the peer's own address: it was rewritten on the way.
  bool rewritten = false;
  bool operator==(const Evidence&) const = default;

  // Something that explains why there is no link.
  bool says_something() const;
};

using KeyList = std::vector<Key>;

// `segment` came from the subject. `keys` are those of its chain.
void weigh(Evidence&, const Subject&, const KeyList&, const Segment& segment);
// It came to one of the subject's local ends from an address that is in no subject's `peer`. False:
// it says nothing about this subject.
bool weigh_stranger(Evidence&, const Subject&, const KeyList&, const Segment& segment);
bool comes_by(const Subject&, const Segment& segment);  // to a local end, whoever sends it

}  // namespace peerhold
