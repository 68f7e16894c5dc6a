// What facts mean (the judge, as a table), how it is worded, and what segments say.
#include "auth/diagnosis.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace peerhold {
namespace {

using Link = Facts::Link;
using Socket = Facts::Socket;
using Dial = Facts::Dial;
using Findings = std::vector<Finding>;

Facts dialled() {
  Facts f;
  f.session = "edge1";
  f.peer = "192.0.2.1";
  f.peer_port = "192.0.2.1:179";
  f.source = "192.0.2.2";
  f.chain = "edge";
  f.expected = 1;
  f.dials = true;
  f.captured = true;
  f.watched = Milliseconds(5000);
  f.signed_dial = Dial::silent;
  f.last_error = Error{"no answer to our SYN", 0, Cause::connect_timeout};
  return f;
}

Facts awaited() {
  Facts f = dialled();
  f.dials = false;
  f.listens = true;
  f.peer_port.clear();
  f.listener_at = "192.0.2.2:179";
  f.listener = Socket::open;
  f.signed_dial = Dial::none;
  f.last_error.reset();
  return f;
}

Endpoint endpoint(std::string_view text) {
  return *Endpoint::parse(text);
}

TEST_CASE("the judge") {
  struct Row {
    const char* what;
    Facts facts;
    Findings expected;
  };
  const auto with = [](Facts f, auto change) {
    change(f);
    return f;
  };
  using F = Finding;
  const std::vector<Row> rows{
      {"well", with(dialled(), [](Facts& f) { f.link = Link::established; }), {}},
      {"well, whatever else is seen",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::established;
              f.seen.right = 1;
              f.seen.bare = 5;
              f.unsigned_dial = Dial::accepted;
            }),
       {}},
      {"up and idle, and the peer has gone to another key",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::established;
              f.seen.by_key[2] = 1;
            }),
       {F::other_key}},
      {"up, but without its app",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::established;
              f.degraded = "no app is attached";
            }),
       {F::degraded}},
      {"at rest, but without its app",
       with(awaited(),
            [](Facts& f) {
              f.rests = true;
              f.degraded = "app 127.0.0.1:8000: Connection refused";
              f.app = "127.0.0.1:8000";
            }),
       {F::degraded}},
      {"called in vain, and without its app",
       with(awaited(),
            [](Facts& f) {
              f.rests = true;
              f.seen.bare = 1;
              f.degraded = "app 127.0.0.1:8000: Connection refused";
            }),
       {F::not_signing, F::degraded}},
      {"up, as the link thinks, and the cable is pulled",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::established;
              f.no_way = "eth0 has no carrier";
            }),
       {F::no_route}},
      {"no way, and what follows from it",
       with(dialled(),
            [](Facts& f) {
              f.no_way = "this host has no route to 192.0.2.1";
              f.signed_dial = Dial::unreachable;
            }),
       {F::no_route}},
      {"no way from an address that is not here",
       with(awaited(),
            [](Facts& f) {
              f.listener = Socket::closed;
              f.no_way = "192.0.2.2 is not on this host";
            }),
       {F::not_listening}},
      {"a handshake is under way",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::opening;
              f.last_error.reset();
            }),
       {}},
      {"rests", with(awaited(), [](Facts& f) { f.rests = true; }), {}},
      {"rests, but somebody fails",
       with(awaited(),
            [](Facts& f) {
              f.rests = true;
              f.seen.bare = 1;
            }),
       {F::not_signing}},
      {"down",
       with(dialled(),
            [](Facts& f) {
              f.stopped_by_operator = true;
              f.seen.bare = 1;
            }),
       {F::stopped}},
      {"no MD5", with(dialled(), [](Facts& f) { f.kernel_has_md5 = false; }), {F::no_tcp_md5}},
      {"no MD5, and none wanted",
       with(dialled(),
            [](Facts& f) {
              f.kernel_has_md5 = false;
              f.chain.clear();
            }),
       {F::no_answer}},
      {"no room for the key",
       with(awaited(),
            [](Facts& f) {
              f.listener = Socket::no_room;
              f.last_error = Error{"no room", 12, Cause::resource};
            }),
       {F::key_limit}},
      {"the listener is not open",
       with(awaited(),
            [](Facts& f) {
              f.listener = Socket::closed;
              f.last_error = Error{"the address is not on this host", 0, Cause::resource};
            }),
       {F::not_listening}},
      {"does not sign", with(awaited(), [](Facts& f) { f.seen.bare = 2; }), {F::not_signing}},
      {"takes unsigned connections",
       with(dialled(), [](Facts& f) { f.unsigned_dial = Dial::accepted; }),
       {F::not_signing}},
      {"both, said once",
       with(dialled(),
            [](Facts& f) {
              f.seen.bare = 2;
              f.unsigned_dial = Dial::accepted;
            }),
       {F::not_signing}},
      {"key 2", with(awaited(), [](Facts& f) { f.seen.by_key[2] = 3; }), {F::other_key}},
      {"a key outside", with(awaited(), [](Facts& f) { f.seen.outside = 3; }), {F::unknown_key}},
      {"signs, and none is expected",
       with(awaited(),
            [](Facts& f) {
              f.chain.clear();
              f.seen.outside = 1;
            }),
       {F::unexpected_signature}},
      {"from too far away, and with another key",
       with(awaited(),
            [](Facts& f) {
              f.seen.too_far = 1;
              f.seen.by_key[2] = 1;
            }),
       {F::other_key, F::too_far}},
      {"translated addresses",
       with(awaited(),
            [](Facts& f) {
              f.seen.stranger = endpoint("192.0.2.99:4000");
              f.seen.rewritten = true;
            }),
       {F::rewritten}},
      {"a stranger beside the peer itself",
       with(awaited(),
            [](Facts& f) {
              f.seen.stranger = endpoint("192.0.2.99:4000");
              f.seen.right = 1;
            }),
       {}},
      {"closed",
       with(dialled(), [](Facts& f) { f.unsigned_dial = Dial::refused; }),
       {F::port_closed}},
      {"closed, as the wire says",
       with(dialled(), [](Facts& f) { f.seen.resets = 1; }),
       {F::port_closed}},
      {"closed, without a key",
       with(dialled(),
            [](Facts& f) {
              f.chain.clear();
              f.signed_dial = Dial::refused;
            }),
       {F::port_closed}},
      {"ICMP", with(dialled(), [](Facts& f) { f.signed_dial = Dial::refused; }), {F::refused}},
      {"no route",
       with(dialled(), [](Facts& f) { f.signed_dial = Dial::unreachable; }),
       {F::refused}},
      {"ICMP, and what the peer has said itself",
       with(dialled(),
            [](Facts& f) {
              f.signed_dial = Dial::refused;
              f.last_error = Error{"Cease", 0, Cause::notification};
            }),
       {F::refused, F::last_error}},
      {"accepted and reset at once",
       with(dialled(),
            [](Facts& f) {
              f.signed_dial = Dial::reset;
              f.last_error = Error{"took the connection and reset it", 0, Cause::peer_reset};
            }),
       {F::turned_away}},
      {"accepted and reset at once, and the app is away here",
       with(dialled(),
            [](Facts& f) {
              f.signed_dial = Dial::reset;
              f.last_error = Error{"app 127.0.0.1:8000", 0, Cause::app_unreachable};
            }),
       {F::turned_away, F::last_error}},
      {"takes unsigned connections, and resets them at once",
       with(dialled(), [](Facts& f) { f.unsigned_dial = Dial::reset; }),
       {F::not_signing}},
      {"silence",
       with(dialled(), [](Facts& f) { f.unsigned_dial = Dial::silent; }),
       {F::no_answer}},
      {"silence, and what others do is not this peer's",
       with(dialled(),
            [](Facts& f) {
              f.unsigned_dial = Dial::silent;
              f.dropped.failure = 9;
            }),
       {F::no_answer}},
      {"blind, and something is dropped",
       with(dialled(),
            [](Facts& f) {
              f.captured = false;
              f.dropped.failure = 9;
            }),
       {F::dropped}},
      {"blind, and what is dropped cannot be of this one",
       with(dialled(),
            [](Facts& f) {
              f.captured = false;
              f.dropped.ttl_dropped = f.dropped.unexpected = 9;
            }),
       {F::no_answer}},
      {"blind, without a key",
       with(awaited(),
            [](Facts& f) {
              f.captured = false;
              f.chain.clear();
              f.dropped.unexpected = 9;
            }),
       {F::dropped}},
      {"blind, but an unsigned SYN is answered",
       with(dialled(),
            [](Facts& f) {
              f.captured = false;
              f.dropped.not_found = 9;
              f.unsigned_dial = Dial::accepted;
            }),
       {F::not_signing}},
      {"nothing comes", awaited(), {F::nothing_comes}},
      {"stalls",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::stalled;
              f.signed_dial = Dial::none;
            }),
       {F::no_answer}},
      {"stalls since the peer changed its key",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::stalled;
              f.signed_dial = Dial::none;
              f.seen.by_key[2] = 4;
            }),
       {F::other_key}},
      {"the peer's own word",
       with(dialled(),
            [](Facts& f) {
              f.last_error = Error{"Cease", 0, Cause::notification};
            }),
       {F::last_error}},
      {"answers now",
       with(dialled(), [](Facts& f) { f.signed_dial = Dial::accepted; }),
       {F::last_error}},
      {"no key is valid",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::established;
              f.key_valid = false;
            }),
       {F::no_valid_key}},
      {"no key is valid, as the session says, too",
       with(dialled(),
            [](Facts& f) {
              f.link = Link::established;
              f.key_valid = false;
              f.degraded = "no key of keychain \"edge\" is valid now";
            }),
       {F::no_valid_key}},
      {"all at once, the worst first",
       with(awaited(),
            [](Facts& f) {
              f.seen.bare = 1;
              f.seen.outside = 1;
              f.seen.by_key[2] = 1;
              f.seen.too_far = 1;
              f.key_valid = false;
            }),
       {F::unknown_key, F::other_key, F::not_signing, F::too_far, F::no_valid_key}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Findings got = judge(row.facts);
    CHECK(got == row.expected);
    for (const Finding what : got) {
      const auto lines = words(row.facts, what);
      CHECK_FALSE(lines.empty());
      CHECK(lines.size() <= most_lines);
      CHECK_FALSE(to_string(what).empty());
      for (const std::string& line : lines) CHECK_FALSE(line.empty());
    }
  }
}

TEST_CASE("without the right to look, the words say what to grant") {
  Facts f = dialled();
  f.captured = false;
  f.unsigned_dial = Dial::silent;
  const auto says = [&](Finding what) {
    std::string all;
    for (const std::string& line : words(f, what)) all += line + "\n";
    return all;
  };
  CHECK(says(Finding::no_answer).find("CAP_NET_RAW") != std::string::npos);
  CHECK(says(Finding::dropped).find("CAP_NET_RAW") != std::string::npos);
  CHECK(says(Finding::nothing_comes).find("CAP_NET_RAW") != std::string::npos);
  f.captured = true;
  CHECK(says(Finding::no_answer).find("CAP_NET_RAW") == std::string::npos);
  CHECK(says(Finding::nothing_comes).find("CAP_NET_RAW") == std::string::npos);
}

TEST_CASE("silence: what is possible is always said, the likely cause first") {
  Facts f = dialled();
  f.captured = false;
  f.dropped.failure = 2;
  CHECK(judge(f) == Findings{Finding::dropped});
  auto lines = words(f, Finding::dropped);
  CHECK(lines.at(0).starts_with("the key is the likely cause"));
  CHECK(lines.at(1).starts_with("possible: another key"));
  CHECK(lines.back().find("sha256sum") != std::string::npos);
  f.dropped = {1, 0, 0, 0};
  lines = words(f, Finding::dropped);
  CHECK(lines.at(0).starts_with("this host dropped"));
  CHECK(lines.at(1).starts_with("possible:"));
  CHECK(words(f, Finding::no_answer).at(1).starts_with("possible:"));
}

TEST_CASE("what the session calls degraded is said in its words, with a next step") {
  Facts f = awaited();
  f.degraded = "app 127.0.0.1:8000: Connection refused";
  f.app = "127.0.0.1:8000";
  CHECK(words(f, Finding::degraded) ==
        std::vector<std::string>{f.degraded,
                                 "next: start what shall listen at 127.0.0.1:8000, or mend `app`"});
  f.app_calls = true;
  CHECK(words(f, Finding::degraded).at(1).find("connect to 127.0.0.1:8000") != std::string::npos);
  f.app.clear();
  CHECK(words(f, Finding::degraded).at(1).find("peerhold status edge1") != std::string::npos);
}

TEST_CASE("last_error is of what the wire has shown, and of nothing else") {
  Facts f = awaited();
  CHECK_FALSE(error_of(f));
  f.dropped.failure = 7;
  CHECK_FALSE(error_of(f));
  f.seen.resets = 1;
  CHECK_FALSE(error_of(f));
  f.seen.too_far = 1;
  CHECK(error_of(f)->cause == Cause::connect_timeout);
  f.seen.bare = 1;
  CHECK(error_of(f)->cause == Cause::auth_missing);
  f.seen.by_key[2] = 1;
  CHECK(error_of(f)->cause == Cause::auth_mismatch);
  CHECK(error_of(f)->text.find("key 2") != std::string::npos);
  Facts plain = awaited();
  plain.chain.clear();
  plain.seen.outside = 1;
  CHECK(error_of(plain)->cause == Cause::auth_unexpected);
}

// Ten bytes from 127.0.0.2:41022 to 127.0.0.1:1790, signed with "an old key".
std::vector<std::uint8_t> packet() {
  constexpr std::string_view hex =
      "450000467b3340004006c17b7f0000027f000001a03e06feaee7ceed819d0708a0180040fe3b0000010113"
      "12916cd21ed376b9dfe8b3329dd73d9981736f6d65206279746573";
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

KeyList keys(std::initializer_list<std::string> texts) {
  KeyList out;
  for (std::string text : texts) {
    Key key;
    key.id = static_cast<std::uint32_t>(out.size() + 1);
    key.secret = *Secret::take({reinterpret_cast<unsigned char*>(text.data()), text.size()});
    out.push_back(std::move(key));
  }
  return out;
}

Subject subject() {
  Subject s;
  s.peer = *Prefix::parse("127.0.0.2");
  s.ways.push_back({endpoint("127.0.0.1:1790"), 0});
  s.chain = "edge";
  s.expected = 1;
  return s;
}

TEST_CASE("segments are sorted by what they say") {
  const auto bytes = packet();
  const auto segment = Segment::parse(bytes);
  REQUIRE(segment);
  const auto weighed = [&](const KeyList& list, auto change) {
    Subject s = subject();
    change(s);
    Evidence e;
    weigh(e, s, list, *segment);
    return e;
  };
  const auto as_it_is = [](Subject&) {};
  Evidence right, second, outside, far, any;
  right.right = 1;
  second.by_key[2] = 1;
  outside.outside = 1;
  CHECK(weighed(keys({"an old key", "new"}), as_it_is) == right);
  CHECK(weighed(keys({"new", "an old key"}), as_it_is) == second);
  CHECK(weighed(keys({"new", "newer"}), as_it_is) == outside);
  CHECK(weighed({}, [](Subject& s) { s.chain.clear(); }) == outside);
  far.right = far.too_far = 1;
  far.far_ttl = 64;
  CHECK(weighed(keys({"an old key"}), [](Subject& s) { s.least_ttl = 65; }) == far);
  CHECK(weighed(keys({"an old key"}), [](Subject& s) { s.least_ttl = 64; }) == right);

  auto other = bytes;  // the option is gone, as a middlebox may do
  std::fill(other.begin() + 40, other.begin() + 60, std::uint8_t{1});
  const auto bare = Segment::parse(other);
  REQUIRE(bare);
  weigh(any, subject(), keys({"an old key"}), *bare);
  CHECK(any.bare == 1);
  other[33] = Segment::rst;
  const auto reset = Segment::parse(other);
  weigh(any, subject(), keys({"an old key"}), *reset);
  CHECK(any.resets == 1);
  CHECK(any.bare == 1);
}

TEST_CASE("a stranger's segment that is right for the peer's address was rewritten") {
  auto bytes = packet();
  bytes[15] = 77;  // 127.0.0.77
  const auto segment = Segment::parse(bytes);
  REQUIRE(segment);
  Evidence e;
  CHECK(weigh_stranger(e, subject(), keys({"new"}), *segment));
  CHECK(e.stranger == endpoint("127.0.0.77:41022"));
  CHECK_FALSE(e.rewritten);
  CHECK(weigh_stranger(e, subject(), keys({"new", "an old key"}), *segment));
  CHECK(e.rewritten);
  CHECK(weigh_stranger(e, subject(), keys({"new"}), *segment));  // another one after it
  CHECK(e.rewritten);

  Evidence none;
  Subject elsewhere = subject();
  elsewhere.ways = {{endpoint("127.0.0.1:1791"), 0}};
  CHECK_FALSE(weigh_stranger(none, elsewhere, keys({"an old key"}), *segment));
  CHECK_FALSE(none.says_something());
  elsewhere.ways = {{*Endpoint::parse_address_or_endpoint("127.0.0.1"), 41022}, {{}, 1}};
  CHECK(weigh_stranger(none, elsewhere, keys({"an old key"}), *segment));
}

}  // namespace
}  // namespace peerhold
