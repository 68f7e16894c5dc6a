// What two OPENs agree to, what keeps them from it, and how the peer is shown to the app.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "open.hpp"

#include "opens.hpp"

using bgp::Agreement;
using bgp::Buffer;
using bgp::Capabilities;
using bgp::Family;
using bgp::GracefulRestart;
using bgp::Notification;
using bgp::Open;
using bgp::Role;

namespace {

Notification refused(std::uint8_t subcode, Buffer data = {}) {
  return {2, subcode, std::move(data)};
}
Agreement agreed(const Open& ours, const Open& theirs) {
  const auto result = bgp::agree(ours, theirs, {});
  if (const auto* n = std::get_if<Notification>(&result)) FAIL(bgp::describe(*n));
  return std::get<Agreement>(result);
}
Open second(Capabilities capabilities) {
  auto open = open_with(std::move(capabilities));
  open.as = 65001;
  open.identifier = 0xc0000202;
  return open;
}

}  // namespace

TEST_CASE("roles, RFC 9234") {
  const std::vector<Role> all{Role::provider, Role::rs, Role::rs_client, Role::customer,
                              Role::peer};
  for (const Role ours : all)
    for (const Role theirs : all) {
      const bool fits = (ours == Role::provider && theirs == Role::customer) ||
                        (ours == Role::customer && theirs == Role::provider) ||
                        (ours == Role::rs && theirs == Role::rs_client) ||
                        (ours == Role::rs_client && theirs == Role::rs) ||
                        (ours == Role::peer && theirs == Role::peer);
      CAPTURE(to_string(ours));
      CAPTURE(to_string(theirs));
      CHECK(bgp::roles_fit(ours, theirs) == fits);
    }
  for (const Role role : all) CHECK(bgp::parse_role(to_string(role)) == role);
  CHECK(to_string(Role{9}) == "unknown");
  for (const auto* text : {"", "Provider", "unknown", "rs-server"})
    CHECK_FALSE(bgp::parse_role(text));
}

TEST_CASE("what makes two OPENs disagree") {
  const auto open = [](std::uint32_t as, std::uint32_t id, Capabilities c = {}) {
    auto out = open_with(std::move(c));
    out.as = as;
    out.identifier = id;
    return out;
  };
  const auto role = [&](std::optional<Role> r) { return Capabilities{.role = r}; };
  const Capabilities v4{.families = {{1, 1}}}, v6{.families = {{2, 1}}};
  const Capabilities several{.families = {{1, 1}, {2, 1}}};
  Capabilities confused{.role = Role::customer};
  confused.roles_differ = true;
  const std::optional<std::uint32_t> any;
  struct Row {
    Open ours, theirs;
    std::optional<std::uint32_t> as;
    std::optional<Notification> fault;
  };
  for (const Row& row : {
           Row{open(1, 1), open(2, 2), any, {}},
           Row{open(1, 1), open(2, 2), 2, {}},
           Row{open(1, 1), open(64999, 2), 2, refused(2, {0, 0, 0xfd, 0xe7})},
           Row{open(1, 1), open(70000, 2), 2, refused(2, {0, 1, 0x11, 0x70})},
           // RFC 6286 2.2
           Row{open(1, 7), open(1, 7), any, refused(3)},
           Row{open(1, 7), open(2, 7), any, {}},
           Row{open(1, 7), open(1, 8), any, {}},
           // RFC 9234 4.2
           Row{open(1, 1, role(Role::provider)), open(2, 2, role(Role::customer)), any, {}},
           Row{open(1, 1, role(Role::provider)), open(2, 2, role(Role::peer)), any, refused(11)},
           Row{open(1, 1, role(Role::provider)), open(2, 2, role(Role{77})), any, refused(11)},
           Row{open(1, 1, role(Role::provider)), open(2, 2, role({})), any, {}},
           Row{open(1, 1, role({})), open(2, 2, role(Role::peer)), any, {}},
           Row{open(1, 1, role({})), open(2, 2, role(Role{77})), any, {}},
           Row{open(1, 1, role(Role::provider)), open(2, 2, confused), any, refused(11)},
           // RFC 5492 3
           Row{open(1, 1, v4), open(2, 2), any, {}},
           Row{open(1, 1), open(2, 2, v4), any, {}},
           Row{open(1, 1, v6), open(2, 2, v4), any, refused(7, {1, 4, 0, 2, 0, 1})},
           Row{open(1, 1, v6), open(2, 2), any, refused(7, {1, 4, 0, 2, 0, 1})},
           Row{open(1, 1), open(2, 2, v6), any, refused(7, {1, 4, 0, 1, 0, 1})},
           Row{open(1, 1, several), open(2, 2, Capabilities{.families = {{25, 70}}}), any,
               refused(7, {1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1})},
       }) {
    const auto result = bgp::agree(row.ours, row.theirs, row.as);
    const auto* n = std::get_if<Notification>(&result);
    CHECK((n ? std::optional(*n) : std::nullopt) == row.fault);
  }
}

TEST_CASE("the hold time is the smaller one, and 0 is none") {
  struct Row {
    std::uint16_t ours, theirs, both;
  };
  for (const Row& row : {Row{90, 180, 90}, Row{180, 90, 90}, Row{90, 90, 90}, Row{0, 90, 0},
                         Row{90, 0, 0}, Row{0, 0, 0}, Row{3, 65535, 3}}) {
    auto ours = plain_open(), theirs = second({});
    ours.hold_time_s = row.ours;
    theirs.hold_time_s = row.theirs;
    CHECK(agreed(ours, theirs).hold_time_s == row.both);
  }
}

TEST_CASE("what both said holds, and nothing else") {
  const std::vector<bool Capabilities::*> said{&Capabilities::route_refresh,
                                               &Capabilities::enhanced_refresh,
                                               &Capabilities::extended_messages};
  const std::vector<bool Agreement::*> holds{
      &Agreement::route_refresh, &Agreement::enhanced_refresh, &Agreement::extended_messages};
  for (std::size_t i = 0; i < said.size(); ++i)
    for (const bool ours : {false, true})
      for (const bool theirs : {false, true}) {
        CAPTURE(i);
        Capabilities a, b;
        a.*said[i] = ours;
        b.*said[i] = theirs;
        Agreement expected{.hold_time_s = 90, .families = {{1, 1}}};
        expected.*holds[i] = ours && theirs;
        CHECK(agreed(open_with(a), second(b)) == expected);
      }
  const Capabilities four{.four_octet_as = 65000};
  CHECK(agreed(open_with(four), second(four)).four_octet_as);
  CHECK_FALSE(agreed(open_with(four), second({})).four_octet_as);
  CHECK_FALSE(agreed(open_with({}), second(four)).four_octet_as);
  CHECK(Agreement{}.limit() == 4096);
  CHECK(Agreement{.extended_messages = true}.limit() == 65535);
}

TEST_CASE("families are agreed to in our order") {
  CHECK(agreed(open_with({.families = {{2, 1}, {25, 70}, {1, 1}}}),
               second({.families = {{1, 1}, {2, 1}, {1, 2}}}))
            .families == std::vector<Family>{{2, 1}, {1, 1}});
}

TEST_CASE("add-path: one sends what the other receives, RFC 7911") {
  for (std::uint8_t ours = 0; ours <= 3; ++ours)
    for (std::uint8_t theirs = 0; theirs <= 3; ++theirs) {
      CAPTURE(+ours);
      CAPTURE(+theirs);
      Capabilities a, b;
      if (ours) a.add_path[{1, 1}] = ours;
      if (theirs) b.add_path[{1, 1}] = theirs;
      const bool receive = (ours & 1) && (theirs & 2), send = (ours & 2) && (theirs & 1);
      const auto both = agreed(open_with(a), second(b)).add_path;
      if (receive || send)
        CHECK(both.at({1, 1}) == (receive ? 1 : 0) + (send ? 2 : 0));
      else
        CHECK(both.empty());
    }
  // A family that is not spoken has none.
  const Capabilities c{.families = {{1, 1}}, .add_path = {{{1, 1}, 3}, {{2, 1}, 3}}};
  CHECK(agreed(open_with(c), second(c)).add_path == std::map<Family, std::uint8_t>{{{1, 1}, 3}});
}

TEST_CASE("graceful restart and hard resets, RFC 4724 and RFC 8538") {
  const GracefulRestart with{false, true, 120, {{{1, 1}, true}}}, without{false, false, 60, {}};
  struct Row {
    std::optional<GracefulRestart> ours, theirs, both;
    bool hard_resets;
  };
  for (const Row& row : {Row{{}, {}, {}, false}, Row{with, {}, {}, false}, Row{{}, with, {}, false},
                         Row{with, with, with, true}, Row{with, without, without, false},
                         Row{without, with, with, false}}) {
    const auto both =
        agreed(open_with({.graceful_restart = row.ours}), second({.graceful_restart = row.theirs}));
    CHECK(both.graceful_restart == row.both);
    CHECK(both.hard_resets == row.hard_resets);
  }
}

TEST_CASE("the OPEN for the app says what the peer's link has agreed to") {
  const Capabilities ours{.families = {{1, 1}, {2, 1}},
                          .route_refresh = true,
                          .extended_messages = true,
                          .four_octet_as = 65000,
                          .add_path = {{{1, 1}, 1}},
                          .graceful_restart = GracefulRestart{false, false, 120, {}},
                          .role = Role::customer};
  Capabilities theirs{
      .families = {{2, 1}, {1, 1}, {25, 70}},
      .route_refresh = true,
      .enhanced_refresh = true,
      .four_octet_as = 4200000000,
      .add_path = {{{1, 1}, 3}, {{2, 1}, 3}},
      .graceful_restart = GracefulRestart{true, true, 99, {{{1, 1}, true}, {{25, 70}, true}}},
      .role = Role::provider,
      .unknown = {{73, {1}}}};
  auto peer = second(theirs);
  peer.as = 4200000000;
  const auto link = agreed(open_with(ours), peer);
  const auto shown = bgp::open_for_app(peer, link, 30);

  Open expected;
  expected.as = 4200000000;
  expected.identifier = peer.identifier;
  expected.hold_time_s = 30;
  expected.capabilities = {.families = {{1, 1}, {2, 1}},
                           .route_refresh = true,
                           .four_octet_as = 4200000000,
                           .add_path = {{{1, 1}, 2}},  // we receive what the peer sends
                           .graceful_restart = GracefulRestart{true, false, 99, {{{1, 1}, true}}},
                           .role = Role::provider};
  CHECK(shown == expected);
  const auto wire = bgp::encode(shown);
  const auto back = bgp::parse_open(bgp::Bytes(wire).subspan(bgp::header_size));
  REQUIRE(std::holds_alternative<Open>(back));
  CHECK(std::get<Open>(back) == shown);

  // An app that says all that we said to the peer lacks nothing and agrees to the same.
  auto app = open_with(ours);
  const auto attached = agreed(shown, app);
  CHECK(bgp::lacking(link, attached).empty());
  CHECK(attached.families == link.families);
  CHECK(attached.add_path == std::map<Family, std::uint8_t>{{{1, 1}, 2}});
  CHECK(attached.limit() == link.limit());
}

TEST_CASE("a peer without capabilities is shown without") {
  auto peer = second({});
  peer.has_capabilities = false;
  const auto link = agreed(open_with({.families = {{1, 1}, {2, 1}}, .four_octet_as = 65000}), peer);
  const auto shown = bgp::open_for_app(peer, link, 90);
  CHECK(shown.capabilities == Capabilities{});
  CHECK_FALSE(shown.has_capabilities);
  // A role, or graceful restart, that we did not send is not agreed to.
  const auto silent =
      agreed(open_with({}), second({.graceful_restart = GracefulRestart{}, .role = Role::peer}));
  CHECK(bgp::open_for_app(peer, silent, 90).capabilities == Capabilities{});
}

TEST_CASE("what an app lacks, in words") {
  const Agreement link{.hold_time_s = 90,
                       .families = {{1, 1}, {2, 1}},
                       .add_path = {{{1, 1}, 3}, {{2, 1}, 1}},
                       .four_octet_as = true,
                       .route_refresh = true,
                       .enhanced_refresh = true,
                       .extended_messages = true,
                       .graceful_restart = GracefulRestart{},
                       .role = Role::peer};
  Agreement app = link;
  app.add_path = {{{1, 1}, 3}, {{2, 1}, 2}};
  CHECK(bgp::lacking(link, app).empty());
  CHECK(bgp::lacking(Agreement{.families = {{1, 1}}}, Agreement{.families = {{1, 1}}}).empty());
  // What the keeper does itself, and what decides no byte.
  app.graceful_restart.reset();
  app.role.reset();
  app.hold_time_s = 3;
  app.route_refresh = app.enhanced_refresh = false;
  CHECK(bgp::lacking(link, app).empty());

  struct Row {
    Agreement app;
    std::string words;
  };
  const auto without = [&](auto change) {
    Agreement less = app;
    change(less);
    return less;
  };
  for (const Row& row : {
           Row{without([](auto& a) {
                 a.families = {{1, 1}};
                 a.add_path.erase({2, 1});  // told once
               }),
               "ipv6-unicast"},
           Row{without([](auto& a) { a.four_octet_as = false; }), "four-octet AS numbers"},
           Row{without([](auto& a) { a.extended_messages = false; }), "extended messages"},
           Row{without([](auto& a) {
                 a.add_path[{1, 1}] = 2;
               }),
               "add-path for ipv4-unicast"},
           Row{without([](auto& a) {
                 a.add_path.erase({2, 1});
               }),
               "add-path for ipv6-unicast"},
           Row{without([](auto& a) {
                 a.families = {{1, 1}};
                 a.extended_messages = false;
               }),
               "ipv6-unicast, extended messages"},
       })
    CHECK(bgp::lacking(link, row.app) == row.words);
}
