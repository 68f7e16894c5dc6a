// OPENs on the wire: what is refused and how, what is read, and what is written.
#include "open.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

#include "opens.hpp"

using bgp::Buffer;
using bgp::Bytes;
using bgp::Capabilities;
using bgp::Family;
using bgp::GracefulRestart;
using bgp::Notification;
using bgp::Open;
using bgp::Role;

namespace {

Buffer join(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const auto& part : parts) bgp::put(out, part);
  return out;
}
// An optional parameter, and a capability in one of its own.
Buffer parameter(std::uint8_t type, const Buffer& value) {
  return join({{type, static_cast<std::uint8_t>(value.size())}, value});
}
Buffer capability(std::uint8_t code, const Buffer& value) {
  return join({{code, static_cast<std::uint8_t>(value.size())}, value});
}
Buffer long_parameter(std::uint8_t type, const Buffer& value) {
  const auto n = value.size();
  return join({{type, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}, value});
}
const Buffer fixed{4, 0xfd, 0xe8, 0, 90, 192, 0, 2, 1};  // version 4, AS 65000, 90 s
Buffer body(const Buffer& parameters) {
  return join({fixed, {static_cast<std::uint8_t>(parameters.size())}, parameters});
}
Buffer extended_body(const Buffer& parameters, std::uint8_t length = 255) {
  const auto n = parameters.size();
  return join({fixed,
               {length, 255, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)},
               parameters});
}
Buffer with_capabilities(const Buffer& capabilities) {
  return body(parameter(2, capabilities));
}
Buffer body_of(const Buffer& message) {
  return Buffer(message.begin() + bgp::header_size, message.end());
}

Open parsed(Bytes bytes) {
  const auto result = bgp::parse_open(bytes);
  if (const auto* n = std::get_if<Notification>(&result)) FAIL(bgp::describe(*n));
  return std::get<Open>(result);
}
std::optional<Notification> fault(Bytes bytes) {
  const auto result = bgp::parse_open(bytes);
  const auto* n = std::get_if<Notification>(&result);
  return n ? std::optional(*n) : std::nullopt;
}
Notification refused(std::uint8_t subcode, Buffer data = {}) {
  return {2, subcode, std::move(data)};
}

// ---- random OPENs ----

constexpr unsigned seed = 4271;

class Dice {
 public:
  explicit Dice(unsigned s) : random_(s) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool coin() { return below(2) == 1; }
  Family family() {
    return {static_cast<std::uint16_t>(below(70000) & 0xffff),
            static_cast<std::uint8_t>(below(256))};
  }

 private:
  std::mt19937_64 random_;
};

GracefulRestart random_restart(Dice& dice) {
  GracefulRestart restart;
  restart.restarting = dice.coin();
  restart.notification = dice.coin();
  restart.time_s = static_cast<std::uint16_t>(dice.below(4096));
  for (auto n = dice.below(dice.coin() ? 4 : 63); n > 0; --n)
    restart.families[dice.family()] = dice.coin();
  return restart;
}
Open random_open(Dice& dice) {
  auto open = plain_open();
  open.as = 1 + dice.below(dice.coin() ? 65535 : 4294967295u);
  open.hold_time_s = static_cast<std::uint16_t>(dice.coin() ? 0 : 3 + dice.below(65533));
  open.identifier = 1 + dice.below(4294967295u);
  auto& c = open.capabilities;
  for (auto n = dice.below(dice.coin() ? 4 : 100); n > 0; --n) {
    const auto family = dice.family();
    if (std::find(c.families.begin(), c.families.end(), family) == c.families.end())
      c.families.push_back(family);
  }
  c.route_refresh = dice.coin();
  c.enhanced_refresh = dice.coin();
  c.extended_messages = dice.coin();
  if (open.as > 0xffff || dice.coin()) c.four_octet_as = open.as;
  for (auto n = dice.below(dice.coin() ? 4 : 100); n > 0; --n)
    c.add_path[dice.family()] = static_cast<std::uint8_t>(1 + dice.below(3));
  if (dice.coin()) c.graceful_restart.emplace(random_restart(dice));
  if (dice.coin()) c.role = Role{static_cast<std::uint8_t>(dice.below(5))};
  open.has_capabilities = c != Capabilities{};
  return open;
}

}  // namespace

TEST_CASE("an OPEN without parameters") {
  CHECK(parsed(body({})) == plain_open());
  CHECK(parsed(body({})).capabilities.effective_families() == std::vector{bgp::ipv4_unicast});
  const auto wire = bgp::encode(plain_open());
  CHECK(body_of(wire) == body({}));
  CHECK(wire.size() == 29);
  // What has nothing to say says nothing.
  auto silent = plain_open();
  silent.has_capabilities = true;
  CHECK(bgp::encode(silent) == wire);
}

TEST_CASE("what RFC 4271 6.2, RFC 6286 and RFC 7607 refuse") {
  const auto with = [](std::size_t at, Buffer bytes) {
    auto out = body({});
    std::copy(bytes.begin(), bytes.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
    return out;
  };
  struct Row {
    Buffer bytes;
    std::optional<Notification> fault;
  };
  for (const Row& row : {
           Row{body({}), {}},
           Row{with(0, {3}), refused(1, {0, 4})},
           Row{with(0, {5}), refused(1, {0, 4})},
           Row{with(1, {0, 0}), refused(2, {0, 0, 0, 0})},
           Row{with(1, {0, 1}), {}},
           Row{with(3, {0, 0}), {}},
           Row{with(3, {0, 1}), refused(6)},
           Row{with(3, {0, 2}), refused(6)},
           Row{with(3, {0, 3}), {}},
           Row{with(3, {1, 1}), {}},
           Row{with(5, {0, 0, 0, 0}), refused(3)},
           Row{with(5, {0, 0, 0, 1}), {}},  // RFC 6286: any but 0, also what is no address
           Row{with(5, {255, 255, 255, 255}), {}},
           Row{with_capabilities(capability(65, {0, 0, 0, 0})), refused(2, {0, 0, 0, 0})},
           Row{with_capabilities(capability(65, {0, 0, 0, 1})), {}},
       })
    CHECK(fault(row.bytes) == row.fault);
}

TEST_CASE("optional parameters: lengths and types") {
  const Buffer refresh = capability(2, {});
  struct Row {
    Buffer bytes;
    std::optional<Notification> fault;
  };
  for (const Row& row : {
           Row{body(parameter(2, refresh)), {}},
           Row{body(parameter(2, {})), {}},
           Row{body(join({parameter(2, refresh), parameter(2, refresh)})), {}},
           Row{body(parameter(1, {0})), refused(4)},  // authentication: RFC 4271 has it no more
           Row{body(parameter(3, {})), refused(4)},
           Row{body(join({parameter(2, refresh), parameter(77, {1})})), refused(4)},
           Row{join({fixed, {4, 2, 2, 2}}), refused(0)},        // the message ends too early
           Row{join({fixed, {4, 2, 2, 2, 0, 0}}), refused(0)},  // ... too late
           Row{join({fixed, {0, 0}}), refused(0)},
           Row{join({fixed, {0, 255, 0, 0}}), refused(0)},  // RFC 9072: 0 is never the marker
           Row{body({2}), refused(0)},                      // no length
           Row{body({2, 3, 2, 0}), refused(0)},             // overruns
           Row{body({77, 3, 2, 0}), refused(0)},
           Row{with_capabilities({2}), refused(0)},
           Row{with_capabilities({2, 1}), refused(0)},
           Row{with_capabilities({200, 3, 1, 2}), refused(0)},
       })
    CHECK(fault(row.bytes) == row.fault);
}

TEST_CASE("extended optional parameters are read, RFC 9072") {
  const auto expected = open_with({.route_refresh = true});
  const Buffer refresh = capability(2, {});
  CHECK(parsed(extended_body(long_parameter(2, refresh))) == expected);
  // The type decides; the length before it is ignored.
  CHECK(parsed(extended_body(long_parameter(2, refresh), 9)) == expected);
  CHECK(parsed(extended_body(long_parameter(2, refresh), 1)) == expected);
  CHECK(parsed(extended_body(join({long_parameter(2, {}), long_parameter(2, refresh)}))) ==
        expected);
  // The marker with nothing behind it.
  CHECK(parsed(extended_body({})) == plain_open());
  // 255 bytes in the old form are no marker.
  const Buffer big = join({parameter(2, capability(200, Buffer(249))), parameter(2, {})});
  REQUIRE(big.size() == 255);
  CHECK(parsed(body(big)).capabilities.unknown.size() == 1);

  for (const Buffer& broken :
       {join({fixed, {255, 255}}), join({fixed, {255, 255, 0}}), join({fixed, {255, 255, 0, 1}}),
        join({fixed, {255, 255, 0, 0, 0}}), extended_body({2}), extended_body({2, 0}),
        extended_body({2, 0, 3, 2, 0}), extended_body({2, 2, 2, 0})})
    CHECK(fault(broken) == refused(0));
  CHECK(fault(extended_body(long_parameter(9, {}))) == refused(4));
  CHECK(fault(extended_body(long_parameter(255, {}))) == refused(4));
}

TEST_CASE("extended optional parameters are written where 255 bytes do not suffice") {
  struct Row {
    std::size_t families;
    bool refresh, enhanced, role;
    std::size_t size;  // of the capabilities
  };
  for (const Row& row : {Row{41, true, true, false, 250}, Row{42, false, false, false, 252},
                         Row{41, true, true, true, 253}, Row{42, true, false, false, 254},
                         Row{42, false, false, true, 255}, Row{43, false, false, false, 258},
                         Row{600, false, false, false, 3600}}) {
    CAPTURE(row.size);
    Capabilities c;
    for (std::size_t i = 0; i < row.families; ++i)
      c.families.push_back({static_cast<std::uint16_t>(i), 1});
    c.route_refresh = row.refresh;
    c.enhanced_refresh = row.enhanced;
    if (row.role) c.role = Role::peer;
    const auto open = open_with(c);
    const auto wire = bgp::encode(open);
    const bool extended = row.size > 253;
    CHECK(wire.size() == 29 + row.size + (extended ? 6 : 2));
    CHECK(wire[28] == (extended ? 255 : row.size + 2));
    CHECK(wire[29] == (extended ? 255 : 2));
    if (extended) CHECK((wire[30] << 8 | wire[31]) == row.size + 3);
    CHECK(parsed(body_of(wire)) == open);
  }
}

TEST_CASE("each capability, as it is written and read") {
  struct Row {
    Capabilities c;
    Buffer bytes;
  };
  for (const Row& row : {
           Row{{.families = {{1, 1}, {25, 70}}}, {1, 4, 0, 1, 0, 1, 1, 4, 0, 25, 0, 70}},
           Row{{.route_refresh = true}, {2, 0}},
           Row{{.extended_messages = true}, {6, 0}},
           Row{{.enhanced_refresh = true}, {70, 0}},
           Row{{.role = Role::provider}, {9, 1, 0}},
           Row{{.role = Role::rs}, {9, 1, 1}},
           Row{{.role = Role::rs_client}, {9, 1, 2}},
           Row{{.role = Role::customer}, {9, 1, 3}},
           Row{{.role = Role::peer}, {9, 1, 4}},
           Row{{.graceful_restart = GracefulRestart{}}, {64, 2, 0, 0}},
           Row{{.graceful_restart = GracefulRestart{true, false, 120, {}}}, {64, 2, 0x80, 120}},
           Row{{.graceful_restart = GracefulRestart{false, true, 4095, {}}}, {64, 2, 0x4f, 0xff}},
           Row{{.graceful_restart =
                    GracefulRestart{true, true, 1, {{{1, 1}, true}, {{2, 1}, false}}}},
               {64, 10, 0xc0, 1, 0, 1, 1, 0x80, 0, 2, 1, 0}},
           Row{{.add_path = {{{1, 1}, 1}, {{2, 1}, 3}, {{2, 128}, 2}}},
               {69, 12, 0, 1, 1, 1, 0, 2, 1, 3, 0, 2, 128, 2}},
       }) {
    CAPTURE(+row.bytes[0]);
    CHECK(parsed(with_capabilities(row.bytes)) == open_with(row.c));
    CHECK(body_of(bgp::encode(open_with(row.c))) == with_capabilities(row.bytes));
  }
}

TEST_CASE("four-octet AS numbers, RFC 6793") {
  struct Row {
    std::uint32_t as;
    bool capability;
    Buffer two_octets;
  };
  for (const Row& row : {Row{65000, true, {0xfd, 0xe8}}, Row{65000, false, {0xfd, 0xe8}},
                         Row{65535, true, {0xff, 0xff}}, Row{65536, true, {0x5b, 0xa0}},
                         Row{4200000000, true, {0x5b, 0xa0}}, Row{23456, false, {0x5b, 0xa0}}}) {
    CAPTURE(row.as);
    auto open = plain_open();
    open.as = row.as;
    if (row.capability) open.capabilities.four_octet_as = row.as;
    open.has_capabilities = row.capability;
    const auto wire = bgp::encode(open);
    CHECK(Buffer(wire.begin() + 20, wire.begin() + 22) == row.two_octets);
    CHECK(parsed(body_of(wire)) == open);
  }
  // Towards a peer without it, what does not fit is AS_TRANS.
  auto big = plain_open();
  big.as = 65536;
  CHECK(parsed(body_of(bgp::encode(big))).as == bgp::as_trans);
  // The capability has the last word.
  CHECK(parsed(with_capabilities(capability(65, {0, 1, 0, 0}))).as == 65536);
}

TEST_CASE("lengths that a capability cannot have") {
  struct Row {
    std::uint8_t code;
    std::vector<std::size_t> good;
  };
  for (const Row& row : {Row{1, {4}}, Row{2, {0}}, Row{6, {0}}, Row{9, {1}}, Row{64, {2, 6, 10}},
                         Row{65, {4}}, Row{69, {0, 4, 8, 12}}, Row{70, {0}}}) {
    for (std::size_t length = 0; length <= 12; ++length) {
      CAPTURE(+row.code);
      CAPTURE(length);
      const auto bytes = with_capabilities(capability(row.code, Buffer(length, 1)));
      const bool good = std::find(row.good.begin(), row.good.end(), length) != row.good.end();
      CHECK(fault(bytes) == (good ? std::nullopt : std::optional(refused(0))));
    }
  }
  for (std::size_t length = 0; length <= 12; ++length)  // one that nobody knows has any
    CHECK_FALSE(fault(with_capabilities(capability(200, Buffer(length, 1)))));
}

TEST_CASE("repeated capabilities") {
  const auto caps = [](const Buffer& bytes) {
    return parsed(with_capabilities(bytes)).capabilities;
  };
  const Buffer v4{1, 4, 0, 1, 0, 1}, v6{1, 4, 0, 2, 0, 1};

  // Multiprotocol: one a family, in the order given; the same twice is one.
  const std::vector<Family> families{{2, 1}, {1, 1}};
  CHECK(caps(join({v6, v4, v6, v4})).families == families);
  // ... in several optional parameters as well, in both forms.
  CHECK(parsed(body(join({parameter(2, v6), parameter(2, v4), parameter(2, v6)})))
            .capabilities.families == families);
  CHECK(parsed(extended_body(join({long_parameter(2, v6), long_parameter(2, v4)})))
            .capabilities.families == families);
  CHECK(caps({2, 0, 2, 0, 6, 0, 6, 0, 70, 0, 70, 0}) ==
        Capabilities{.route_refresh = true, .enhanced_refresh = true, .extended_messages = true});

  // RFC 4724 3: only the last graceful restart counts.
  CHECK(caps({64, 6, 0x80, 9, 0, 1, 1, 0x80, 64, 6, 0, 7, 0, 2, 1, 0}).graceful_restart ==
        GracefulRestart{false, false, 7, {{{2, 1}, false}}});
  // Add-path adds up.
  CHECK(caps({69, 4, 0, 1, 1, 1, 69, 4, 0, 2, 1, 2}).add_path ==
        std::map<Family, std::uint8_t>{{{1, 1}, 1}, {{2, 1}, 2}});

  // RFC 9234 4.2: the same role again is nothing, another one is a mismatch.
  CHECK(caps({9, 1, 3, 9, 1, 3}) == Capabilities{.role = Role::customer});
  CHECK(caps({9, 1, 3, 9, 1, 0}).roles_differ);
  CHECK(caps({9, 1, 3, 9, 1, 0, 9, 1, 0}).roles_differ);
}

TEST_CASE("what is not understood is kept aside, and not written") {
  const auto open = parsed(with_capabilities({128, 0, 2, 0, 73, 2, 7, 8, 128, 0}));
  CHECK(open.capabilities.route_refresh);
  CHECK(open.capabilities.unknown ==
        std::vector<std::pair<std::uint8_t, Buffer>>{{128, {}}, {73, {7, 8}}, {128, {}}});
  CHECK(body_of(bgp::encode(open)) == with_capabilities({2, 0}));

  // RFC 7911 4: a Send/Receive value out of 1…3.
  for (const std::uint8_t direction : Buffer{0, 4, 255}) {
    const Buffer value{0, 1, 1, 3, 0, 2, 1, direction};
    const auto c = parsed(with_capabilities(capability(69, value))).capabilities;
    CHECK(c.add_path.empty());
    CHECK(c.unknown == std::vector<std::pair<std::uint8_t, Buffer>>{{69, value}});
  }
  CHECK(parsed(with_capabilities({69, 4, 0, 1, 1, 3})).capabilities.unknown.empty());
}

TEST_CASE("more families than one capability has room for") {
  Capabilities c;
  c.graceful_restart.emplace();
  for (std::uint16_t i = 0; i < 70; ++i) {
    c.add_path[{i, 1}] = 3;
    c.graceful_restart->families[{i, 1}] = true;
  }
  const auto back = parsed(body_of(bgp::encode(open_with(c)))).capabilities;
  CHECK(back.add_path == c.add_path);
  CHECK(back.graceful_restart->families.size() == 63);
}

TEST_CASE("any OPEN is read as it was written") {
  Dice dice(seed);
  CAPTURE(seed);
  int extended = 0, in_short = 0;
  for (int i = 0; i < 3000; ++i) {
    CAPTURE(i);
    const auto open = random_open(dice);
    const auto wire = bgp::encode(open);
    const auto first = bgp::first_message(wire, bgp::max_message);
    REQUIRE(std::holds_alternative<bgp::Message>(first));
    const auto& message = std::get<bgp::Message>(first);
    CHECK(message.whole.size() == wire.size());
    const auto back = parsed(message.body());
    REQUIRE(back == open);
    REQUIRE(bgp::encode(back) == wire);
    ++(wire[28] == 255 && wire[29] == 255 ? extended : in_short);
  }
  CHECK(extended > 100);  // both forms were seen
  CHECK(in_short > 100);
}

TEST_CASE("a truncated OPEN is refused, or waited for") {
  Dice dice(seed + 1);
  CAPTURE(seed);
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    const auto wire = bgp::encode(random_open(dice));
    const Bytes whole(wire);
    REQUIRE_FALSE(fault(whole.subspan(19)));
    for (std::size_t n = 0; n < wire.size(); ++n) {
      if (!std::holds_alternative<bgp::NeedMore>(bgp::first_message(whole.first(n), 4096)))
        FAIL("no wait at byte " << n);
      if (n >= 19 && !fault(whole.subspan(19, n - 19))) FAIL("not refused at byte " << n);
    }
  }
  // Shorter than the fixed fields: the length that the message would have.
  CHECK(fault(Bytes(fixed)) == Notification{1, 2, {0, 28}});
  CHECK(fault({}) == Notification{1, 2, {0, 19}});
}

TEST_CASE("a damaged OPEN never gives more than it has") {
  Dice dice(seed + 2);
  CAPTURE(seed);
  int read = 0, refusals = 0;
  for (int i = 0; i < 20000; ++i) {
    auto bytes = body_of(bgp::encode(random_open(dice)));
    for (auto n = 1 + dice.below(4); n > 0; --n)
      bytes[dice.below(static_cast<std::uint32_t>(bytes.size()))] =
          static_cast<std::uint8_t>(dice.below(256));
    ++(fault(bytes) ? refusals : read);
  }
  CHECK(read > 100);
  CHECK(refusals > 100);
}
