// What the log is told at info: each outage, and what anybody can cause only now and then.
#include "stage.hpp"

namespace peerhold {
namespace {

TEST_CASE("per-client: an outage is told, and after it a healthy time and the next outage") {
  Probe probe;
  const std::uint16_t port = fresh_port();
  const Endpoint app_at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  probe.on_down = [](ProbeInstance& i, ph_link, const ph_down&) {
    for (const ph_link link : {PH_PEER, ph_link{1}}) i.close(link, false);
  };
  Stage s({&probe});
  s.start(Stage::session(probe, "peer = \"127.0.0.2:" + std::to_string(port) +
                                    "\"\nlink = \"per-client\"\napp = \"" + app_at.to_string() +
                                    "\""));
  for (std::size_t outage = 1; outage <= 2; ++outage) {
    CAPTURE(outage);
    const std::uint64_t before = s.status().attempts;
    FarEnd waits = connected(app_at);
    REQUIRE(s.until([&] { return s.status().attempts >= before + 7; }));
    // Of that many failures the 1st, 2nd, 4th, and none of them twice.
    CHECK(s.logged("connecting -> backoff") == 3 * outage);
    {
      const FarListener far("127.0.0.2", port);
      FarEnd link;
      REQUIRE(s.until([&] { return far.accept(link); }));
      REQUIRE(s.is(SessionState::established));
      waits.abort();
      REQUIRE(s.until([&] { return s.status().links == 0; }));
      // In healthy times each change is told.
      const std::size_t dials = s.logged("listening -> connecting");
      FarEnd served = connected(app_at), other;
      REQUIRE(s.until([&] { return far.accept(other); }));
      REQUIRE(s.is(SessionState::established));
      CHECK(s.logged("listening -> connecting") == dials + 1);
      served.abort();
      REQUIRE(s.until([&] { return s.status().links == 0; }));
    }
  }
}

TEST_CASE("apps that are refused fill no log") {
  constexpr int times = 40;
  SUBCASE("by app_users") {
    Probe probe;
    OneSession s(probe, {}, "app_users = [\"65534\"]");
    for (int i = 0; i < times; ++i) {
      FarEnd intruder = connected(s.app_at);
      REQUIRE(s.until([&] { return intruder.ended(); }));
    }
    CHECK(s.logged("is not in app_users") == 6);  // 1, 2, 4, 8, 16, 32
    CHECK(s.logged("count=32") == 1);
  }
  for (const bool closes : {true, false}) {
    SUBCASE(closes ? "by the plugin, which closes them" : "by the plugin's status") {
      Probe probe;
      OneSession s(probe);
      const FarEnd first = s.app(1);
      CHECK(s.logged("app attached") == 1);
      probe.on_up = [&](ProbeInstance& i, ph_link link, const ph_link_info&) {
        return closes ? i.close(link, false) : int{PH_EINVAL};
      };
      for (int i = 0; i < times; ++i) {
        FarEnd second = connected(s.app_at);
        REQUIRE(s.until([&] { return second.ended(); }));
      }
      CHECK(s.until([&] { return s.status().apps_attached == 1; }));
      CHECK(s.logged("app turned away") == 6);
      CHECK(s.logged("app attached") == 1);
      CHECK(s.logged("app detached") == 0);
    }
  }
}

}  // namespace
}  // namespace peerhold
