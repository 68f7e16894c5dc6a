// The one place that words a diagnosis: what is so, why, and the next step. Whoever reads it sits
// before a dead link and knows neither this program nor RFC 2385.
#include <algorithm>
#include <array>
#include <utility>

#include "auth/diagnosis.hpp"
#include "net/tcp_auth.hpp"

namespace peerhold {
namespace {

// To the keeper, or to whoever probes.
std::string grant(const Facts& f) {
  return f.session.empty()
             ? "run it as root (sudo), or `setcap cap_net_raw+ep` on the program"
             : "grant it: AmbientCapabilities=CAP_NET_RAW in the unit (peerhold.service "
               "has it), or `setcap cap_net_raw+ep` on the program";
}

std::string segments(std::uint64_t n) {
  return std::to_string(n) + (n == 1 ? " segment" : " segments");
}

std::string our_key(const Facts& f) {
  if (f.session.empty()) return "the key of --secret-file";
  return "key " + std::to_string(f.expected) + " of keychain \"" + f.chain + "\"";
}

std::string here(const Facts& f) {
  return f.source.empty() ? "this host" : f.source;
}

std::string there(const Facts& f) {
  return f.peer_port.empty() ? f.peer : f.peer_port;
}

std::string time(const Facts& f) {
  return std::to_string(std::chrono::round<std::chrono::seconds>(f.watched).count()) + " s";
}

std::string of_chain(const Facts& f) {
  return f.session.empty() ? "another key than that of --secret-file"
                           : "a key that is not in keychain \"" + f.chain + "\"";
}

std::vector<std::string> rewritten(const Facts& f) {
  const std::string from = f.seen.stranger->address.to_string();
  if (f.seen.rewritten)
    return {"what " + f.peer + " signs arrives from " + from +
                ": addresses are rewritten on the way (NAT)",
            "TCP-MD5 signs the addresses, so that no key can make a link through this",
            "next: take that translation away between these two, or go round it by a tunnel"};
  return {
      "nothing valid comes from " + f.peer + ", but " + from +
          ", which no session names, sends signed segments to " + f.listener_at,
      "either the peer uses that source address, or the addresses are rewritten on the way (NAT)",
      "next: have the peer use " + f.peer + " as its source (update-source), or make `peer` " +
          from + " if that is its own address"};
}

std::vector<std::string> unknown_key(const Facts& f) {
  return {
      f.peer + " signs with " + of_chain(f) + " (" + segments(f.seen.outside) + ")",
      "that looks the same when addresses are rewritten on the way (NAT), and no key can help "
      "then",
      "next: compare the keys of both ends (`sha256sum KEYFILE`; mind a newline, a space, hex:), "
      "and what addresses each end sees"};
}

std::vector<std::string> other_key(const Facts& f) {
  const auto most =
      std::ranges::max_element(f.seen.by_key, {}, [](const auto& one) { return one.second; });
  const std::string id = std::to_string(most->first);
  return {f.peer + " signs with key " + id + " of keychain \"" + f.chain + "\" (" +
              segments(most->second) + "), while key " + std::to_string(f.expected) +
              " is in use here",
          "next: `peerhold key use " + f.session + " " + id +
              "` moves this end, or have the peer use "
              "key " +
              std::to_string(f.expected)};
}

std::vector<std::string> not_signing(const Facts& f) {
  const std::string next =
      "next: set the key (TCP-MD5 password) for exactly " + here(f) + " on the other end" +
      (f.session.empty() ? ""
                         : ", or keychain = \"none\" here if the link need not "
                           "be authenticated");
  if (f.seen.bare > 0)
    return {f.peer + " does not sign: " + segments(f.seen.bare) +
                " without a signature came, and " + our_key(f) + " is expected",
            next};
  return {there(f) + " takes unsigned connections from " + here(f) +
              " and no signed ones: no key is wanted there, or not for this source",
          next};
}

std::vector<std::string> too_far(const Facts& f) {
  const unsigned hops = f.ttl_security_hops.value_or(1);
  const unsigned ttl = f.seen.far_ttl;
  return {segments(f.seen.too_far) + " from " + f.peer + " came with TTL " + std::to_string(ttl) +
              "; ttl_security_hops = " + std::to_string(hops) + " takes " +
              std::to_string(256 - hops) + " and more",
          ttl <= 128 ? "next: have the peer send with TTL 255 (GTSM, ttl-security), or leave "
                       "ttl_security_hops away here"
                     : "next: if the peer is really that far away: ttl_security_hops = " +
                           std::to_string(256 - ttl)};
}

// What the kernel counted for this host, in words.
std::string counted(const AuthCounters& c) {
  const std::array<std::pair<std::uint64_t, const char*>, 4> all{
      {{c.failure, "signed with another key"},
       {c.not_found, "unsigned"},
       {c.unexpected, "signed where we expect none"},
       {c.ttl_dropped, "from too far away (GTSM)"}}};
  std::string out;
  for (const auto& [n, what] : all)
    if (n > 0) out += (out.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  return out;
}

// What silence can mean.
std::string possible(const Facts& f) {
  if (!f.dials)
    return f.chain.empty() ? "possible: a peer that signs; somebody else's segments"
                           : "possible: another key there; none there for " + here(f) +
                                 "; somebody else's segments";
  return f.chain.empty() ? "possible: a peer that expects a key; a filter; GTSM there"
                         : "possible: another key there; none there for " + here(f) +
                               "; a filter; no listener behind a firewall; GTSM there";
}

std::vector<std::string> dropped(const Facts& f) {
  const AuthCounters drops = relevant(f);
  const bool wrong = drops.failure > 0;
  return {(wrong ? "the key is the likely cause: this host" : std::string("this host")) +
              " dropped segments meanwhile: " + counted(drops),
          possible(f),
          "whether they are from " + f.peer +
              ", and which key signed them, cannot be known without CAP_NET_RAW",
          "next: " +
              std::string(wrong ? "compare the keys of both ends (`sha256sum KEYFILE`); or " : "") +
              grant(f)};
}

std::vector<std::string> no_answer(const Facts& f) {
  if (f.link == Facts::Link::stalled)
    return {
        "nothing from " + there(f) + " for " + time(f) +
            " while we repeat what it has not acknowledged",
        "next: look for a dead wire, a filter, or a peer that drops what we sign (its counters: "
        "`nstat -az TcpExtTCPMD5Failure`)"};
  std::vector<std::string> out;
  const bool keyed = !f.chain.empty();
  const bool both = keyed && f.unsigned_dial == Facts::Dial::silent;
  out.push_back("no answer of any kind from " + there(f) + " within " + time(f) + ", " +
                (both    ? "neither to a SYN signed with " + our_key(f) + " nor to an unsigned one"
                 : keyed ? "to a SYN signed with " + our_key(f)
                         : std::string("to a SYN")));
  out.push_back(possible(f));
  out.push_back(
      "next: on the other end `nstat -az 'TcpExtTCPMD5*'`: Failure grows = another key, "
      "Unexpected = none, NotFound = it expects one, nothing = a filter");
  if (!f.captured)
    out.push_back("what it sends all the same cannot be known without CAP_NET_RAW: " + grant(f));
  return out;
}

std::vector<std::string> nothing_comes(const Facts& f) {
  std::vector<std::string> out{
      "no connection from " + f.peer + " has come to " + f.listener_at +
          ", and nothing at all within " + time(f),
      "next: see that the peer dials exactly " + f.listener_at + ", and that no filter is between"};
  if (!f.captured) {
    out[0] = "no connection from " + f.peer + " has come to " + f.listener_at;
    out.push_back("whether segments arrive and are dropped cannot be known without CAP_NET_RAW: " +
                  grant(f));
  }
  return out;
}

std::vector<std::string> degraded(const Facts& f) {
  if (f.app.empty())
    return {f.degraded, "next: `peerhold status " + f.session + "` shows the rest"};
  return {f.degraded, f.app_calls
                          ? "next: start the app, and have it connect to " + f.app
                          : "next: start what shall listen at " + f.app + ", or mend `app`"};
}

}  // namespace

std::string_view to_string(Finding what) {
  constexpr std::array<std::string_view, 20> names{
      "no-tcp-md5",    "key-limit",    "not-listening",
      "no-route",      "rewritten",    "unknown-key",
      "other-key",     "not-signing",  "unexpected-signature",
      "too-far",       "port-closed",  "turned-away",
      "refused",       "dropped",      "no-answer",
      "nothing-comes", "no-valid-key", "last-error",
      "stopped",       "degraded"};
  return names[static_cast<std::size_t>(what)];
}

std::vector<std::string> words(const Facts& f, Finding what) {
  const std::string why = f.last_error ? f.last_error->text : "no reason was given";
  switch (what) {
    case Finding::no_tcp_md5:
      return {"this kernel has no TCP-MD5, so that no signed link is possible",
              "next: a kernel with " + std::string(tcp_auth::kernel_option) +
                  "=y, as every Debian kernel is"};
    case Finding::key_limit:
      return {"no room for one more key on the listener at " + f.listener_at +
                  ": net.core.optmem_max is "
                  "enough for " +
                  std::to_string(tcp_auth::keys_per_socket()) + " keys",
              "next: `sysctl -w net.core.optmem_max=" +
                  std::to_string(tcp_auth::optmem_needed(tcp_auth::keys_per_socket() * 2)) +
                  "` makes room for twice as many; or one key for a prefix ([[listen]])"};
    case Finding::not_listening:
      return {"nobody can reach this end: the listener at " + f.listener_at + " is not open", why};
    case Finding::no_route:
      return {f.no_way,
              "next: look at the cable, the interface and the routes: `ip link`, `ip route get " +
                  f.peer + "`"};
    case Finding::rewritten:
      return rewritten(f);
    case Finding::unknown_key:
      return unknown_key(f);
    case Finding::other_key:
      return other_key(f);
    case Finding::not_signing:
      return not_signing(f);
    case Finding::unexpected_signature:
      return {f.peer + " signs its segments (" + segments(f.seen.outside) +
                  "), and keychain = \"none\" says that this link is not authenticated",
              "next: give the session a keychain with the peer's key, or take the key away there"};
    case Finding::too_far:
      return too_far(f);
    case Finding::port_closed:
      return {"nobody listens at " + there(f) + ": " +
                  (f.chain.empty() ? "a SYN" : "an unsigned SYN") +
                  " was refused, by its host or a filter",
              "next: start what shall listen there, or mend the port of `peer`"};
    case Finding::turned_away:
      return {there(f) + " takes a connection" +
                  (f.chain.empty()
                       ? " and resets it at once"
                       : " signed with " + our_key(f) + " and resets it at once: the key is right"),
              "next: look at the peer's log, and whether its app is there"};
    case Finding::refused:
      return {f.dial_text.empty() ? why : f.dial_text,
              "an ICMP message said so, or a route or filter of this host",
              "next: look at the way to " + f.peer + ": routes, `source`, filters"};
    case Finding::dropped:
      return dropped(f);
    case Finding::no_answer:
      return no_answer(f);
    case Finding::nothing_comes:
      return nothing_comes(f);
    case Finding::no_valid_key:
      return {"no key of keychain \"" + f.chain + "\" is valid now; key " +
                  std::to_string(f.expected) + " stays in use",
              "next: give a key a lifetime that covers today, then `peerhold reload`"};
    case Finding::last_error:
      return {why};
    case Finding::stopped:
      return {"it is administratively down", "next: `peerhold up " + f.session + "`"};
    case Finding::degraded:
      return degraded(f);
  }
  return {};
}

}  // namespace peerhold
