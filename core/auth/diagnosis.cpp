// The judge: what a set of facts means. One function without sockets or clock, tested as a table.
// RFC 2385 and what Linux makes of it (docs/kernel.md) are behind each line.
#include "auth/diagnosis.hpp"

#include <algorithm>

namespace peerhold {
namespace {

// Failures about which a link, or its silence, says nothing that the wire could explain.
bool explained_by_itself(Cause cause) {
  switch (cause) {
    case Cause::connect_timeout:
    case Cause::user_timeout:
    case Cause::connect_refused:
    case Cause::unreachable:
    case Cause::auth_mismatch:
    case Cause::auth_missing:
    case Cause::auth_unexpected:
      return false;
    default:
      return true;
  }
}

bool any(const AuthCounters& c) {
  return c.not_found + c.unexpected + c.failure + c.ttl_dropped > 0;
}

void from_the_wire(const Facts& f, std::vector<Finding>& out) {
  const Evidence& e = f.seen;
  const bool keyed = !f.chain.empty();
  if (e.stranger && e.right == 0 && f.link == Facts::Link::none) out.push_back(Finding::rewritten);
  if (keyed && e.outside > 0) out.push_back(Finding::unknown_key);
  if (!e.by_key.empty()) out.push_back(Finding::other_key);
  if (keyed && e.bare > 0) out.push_back(Finding::not_signing);
  if (!keyed && e.outside > 0) out.push_back(Finding::unexpected_signature);
  if (e.too_far > 0) out.push_back(Finding::too_far);
}

void from_dials(const Facts& f, std::vector<Finding>& out) {
  using Dial = Facts::Dial;
  const bool keyed = !f.chain.empty();
  const bool answered = taken(f.signed_dial);
  // Who takes an unsigned connection from us has no key for us.
  if (keyed && !answered && taken(f.unsigned_dial) &&
      std::ranges::find(out, Finding::not_signing) == out.end())
    out.push_back(Finding::not_signing);
  // On a keyed link an RST is not heeded, so that a refusal of the signed SYN is an ICMP message.
  if (!answered && (f.unsigned_dial == Dial::refused || f.seen.resets > 0 ||
                    (!keyed && f.signed_dial == Dial::refused)))
    out.push_back(Finding::port_closed);
  else if (f.signed_dial == Dial::reset)
    out.push_back(Finding::turned_away);
  else if (f.signed_dial == Dial::refused || f.signed_dial == Dial::unreachable)
    out.push_back(Finding::refused);
}

}  // namespace

bool taken(Facts::Dial dial) {
  return dial == Facts::Dial::accepted || dial == Facts::Dial::reset;
}

Facts::Dial outcome(Cause cause) {
  using Dial = Facts::Dial;
  switch (cause) {
    case Cause::connect_refused:
      return Dial::refused;
    case Cause::peer_reset:
      return Dial::reset;
    case Cause::unreachable:
      return Dial::unreachable;
    case Cause::connect_timeout:
      return Dial::silent;
    default:
      return Dial::none;
  }
}

AuthCounters relevant(const Facts& f) {
  const bool keyed = !f.chain.empty();
  AuthCounters out;
  if (keyed) out.not_found = f.dropped.not_found;
  if (keyed) out.failure = f.dropped.failure;
  if (!keyed) out.unexpected = f.dropped.unexpected;
  if (f.ttl_security_hops) out.ttl_dropped = f.dropped.ttl_dropped;
  return out;
}

std::vector<Finding> judge(const Facts& f) {
  using Link = Facts::Link;
  std::vector<Finding> out;
  if (f.stopped_by_operator) return {Finding::stopped};
  const bool keyed = !f.chain.empty();
  const bool up = f.link == Link::established;
  const bool trouble = !up && !f.rests;
  if (trouble && keyed && !f.kernel_has_md5) return {Finding::no_tcp_md5};
  if (f.listener == Facts::Socket::no_room) out.push_back(Finding::key_limit);
  const bool closed = f.listener == Facts::Socket::closed;
  if (closed) out.push_back(Finding::not_listening);
  // A link that is up may not know of it yet. Of an address that is not here the listener says it.
  if (!closed && !f.no_way.empty()) out.push_back(Finding::no_route);
  // Who rests may be called in vain. A link that is up and idle may have lost its peer to another
  // key; one that still hears it has not, whatever somebody forges.
  if (!up || f.seen.right == 0) from_the_wire(f, out);
  if (trouble) {
    if (f.no_way.empty()) from_dials(f, out);
    const bool by_itself = f.last_error && explained_by_itself(f.last_error->cause);
    const bool accepted = taken(f.signed_dial);
    // What the session itself has met may be more than how this one attempt ended.
    const auto differs = [&](Finding what) {
      return what == Finding::refused ||
             (what == Finding::turned_away && f.last_error->cause != Cause::peer_reset);
    };
    if (by_itself && std::ranges::all_of(out, differs)) out.push_back(Finding::last_error);
    if (out.empty() && !f.captured && !accepted && any(relevant(f)))
      out.push_back(Finding::dropped);
    // A link that stalls without a trace on the wire is stalled by the wire.
    const bool silent = f.seen.right == 0 && !accepted && f.link != Link::opening;
    if (out.empty() && silent) {
      const bool asked = f.dials || f.link == Link::stalled;
      out.push_back(asked ? Finding::no_answer : Finding::nothing_comes);
    }
    if (out.empty() && f.last_error) out.push_back(Finding::last_error);
  }
  if (keyed && !f.key_valid) out.push_back(Finding::no_valid_key);
  // Of its keys it is said above.
  if (!f.degraded.empty() && (!keyed || f.key_valid)) out.push_back(Finding::degraded);
  std::ranges::sort(out);
  return out;
}

std::optional<Error> error_of(const Facts& f) {
  std::vector<Finding> found;
  from_the_wire(f, found);
  if (found.empty()) return std::nullopt;
  std::ranges::sort(found);
  Error error;
  error.cause = Cause::auth_mismatch;
  if (found.front() == Finding::not_signing) error.cause = Cause::auth_missing;
  if (found.front() == Finding::unexpected_signature) error.cause = Cause::auth_unexpected;
  if (found.front() == Finding::too_far) error.cause = Cause::connect_timeout;
  for (const std::string& line : words(f, found.front()))
    error.text += (error.text.empty() ? "" : "; ") + line;
  return error;
}

}  // namespace peerhold
