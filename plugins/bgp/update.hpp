// UPDATE (RFC 4271 §4.3, RFC 4760, RFC 7911): taken apart as far as framing and NLRI go (RFC 7606),
// and put together. What attributes mean is the router's and the app's business: unknown ones, and
// families that are not delimited here, pass untouched.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <span>
#include <variant>
#include <vector>

#include "message.hpp"

namespace bgp {

// How a connection writes its UPDATEs.
struct Encoding {
  std::map<Family, bool> add_path;  // NLRI of these families bear a path identifier
  std::size_t limit = max_message;
};

namespace attribute {
inline constexpr std::uint8_t origin = 1, as_path = 2, next_hop = 3, mp_reach = 14, mp_unreach = 15;
}

// One UPDATE, as spans into it.
struct Update {
  Bytes withdrawn;   // IPv4 unicast
  Bytes attributes;  // all of them, as they stand
  Bytes nlri;        // IPv4 unicast
  struct Mp {
    Family family;
    Bytes next_hop;  // MP_REACH_NLRI only
    Bytes nlri;
  };
  std::optional<Mp> reach, unreach;
  // An attribute overruns the attributes, or their end is no whole attribute: what is announced
  // counts as withdrawn (RFC 7606 §4, "treat-as-withdraw"). Rib::apply does that by itself.
  bool overrun = false;
  // The family of which this is the End-of-RIB (RFC 4724 §2).
  std::optional<Family> end_of_rib() const;
};
// A Notification only where RFC 7606 §3 leaves nothing but a session reset: lengths that contradict
// each other, MP attributes that overrun, occur twice or cannot be read. Other faults of attributes
// are not ours to judge.
std::variant<Update, Notification> parse_update(Bytes body);

struct Attribute {
  std::uint8_t flags = 0, type = 0;
  Bytes whole, value;  // whole: flags, type and length included
};
// The next attribute; none, and the reader has failed, where what is left is no whole one.
std::optional<Attribute> take_attribute(Reader&);

// Calls each(key, entry) for every NLRI. The entry is its bytes as they stand, path identifier
// included; the key says which route it is: the entry, the bits after a prefix's end zero (RFC 4271
// §4.3), without what is no part of a route's identity: the labels of labelled and VPN families,
// the labels, ESI and gateway of EVPN types 1, 2 and 5 (RFC 7432 §7, RFC 9136 §3.1). Families
// known: IPv4/IPv6 unicast and multicast, labelled, VPN, flowspec (and VPN flowspec), EVPN. False:
// the family is another, the lengths overrun, a label stack has no end, or a prefix is longer than
// its family has bits; what came before has been called. A withdrawal's label (0x800000 or, of
// older speakers, 0x000000) ends the stack as a bottom-of-stack bit does (RFC 8277 §2.4). The spans
// are valid during the call.
bool each_nlri(Family, bool add_path, Bytes nlri,
               const std::function<void(Bytes key, Bytes entry)>& each);
bool knows_nlri(Family);
// All its NLRI of known families can be delimited.
bool delimited(const Update&, const std::map<Family, bool>& add_path);

// The entry that withdraws an announced one: a single withdraw label for its labels (RFC 8277
// §2.4), other families' as it stands. `key` is the key of `entry`.
Buffer withdrawal_of(Family, Bytes key, Bytes entry);

// "192.0.2.0/24", "2001:db8::/32", "192.0.2.0/24 path 7", VPN "65000:1:192.0.2.0/24", others in
// hex.
std::string to_text(Family, bool add_path, Bytes entry);

// The attributes that all routes of one announcement share, in a form without NLRI: every attribute
// but MP_REACH_NLRI and MP_UNREACH_NLRI as they stand, and the next hop of MP_REACH_NLRI aside.
struct PathAttributes {
  Buffer plain;
  Buffer mp_next_hop;  // empty: the routes stood in the classic NLRI field
  bool operator==(const PathAttributes&) const = default;
};
PathAttributes attributes_of(const Update&, bool of_mp_reach);

// Builds UPDATEs up to `limit` bytes, as many as needed, and gives each to `out` whole, header
// included. Answers how many entries were left out, as no message of that limit holds them with
// these attributes: that is possible when they came in an extended message (RFC 8654 §4: such a
// route is not sent).
std::size_t build_announcements(Family, const PathAttributes&, std::span<const Bytes> entries,
                                std::size_t limit, const std::function<void(Bytes)>& out);
// The entries are written as they stand: see withdrawal_of.
std::size_t build_withdrawals(Family, std::span<const Bytes> entries, std::size_t limit,
                              const std::function<void(Bytes)>& out);
// How many bytes of entries such a message has room for.
std::size_t room_to_announce(Family, const PathAttributes&, std::size_t limit);
std::size_t room_to_withdraw(Family, std::size_t limit);
Buffer end_of_rib(Family);

// `next_hop` (contract): the app's own loopback addresses are replaced on the way to the peer.
struct NextHopRule {
  enum class What : std::uint8_t { untouched, loopbacks, always } what = What::untouched;
  std::optional<std::array<std::uint8_t, 4>> v4;   // written into IPv4 next hops
  std::optional<std::array<std::uint8_t, 16>> v6;  // ... and IPv6 ones
};
// Rewrites NEXT_HOP and MP_REACH_NLRI's next hop of a whole UPDATE message in place (VPN families:
// the address after the route distinguisher; two IPv6 addresses, global and link-local: the first).
// True: something was rewritten. A next hop for whose family the rule has no address stays as it
// is, and `missed` is set.
bool rewrite_next_hops(std::span<std::uint8_t> message, const NextHopRule&, bool* missed = nullptr);

}  // namespace bgp
