// Per-client sessions: an instance for each client, and what becomes of clients without a link.
#include "stage.hpp"

namespace peerhold {
namespace {

void relaying(Probe& probe) {
  probe.on_data = [](ProbeInstance& i, ph_link link, std::string_view b) {
    return i.send(link == PH_PEER ? 1 : PH_PEER, b);
  };
  probe.on_eof = [&probe](ProbeInstance& i, ph_link link) {
    i.send_eof(link == PH_PEER ? 1 : PH_PEER);
    if (probe.count("eof 0") > 0 && probe.count("eof 1") > 0) i.close(PH_PEER, false);
  };
  probe.on_down = [](ProbeInstance& i, ph_link, const ph_down&) {
    for (const ph_link link : {PH_PEER, ph_link{1}}) i.close(link, false);
  };
}

struct Clients : Stage {
  Probe& probe;
  std::uint16_t port = fresh_port();
  Endpoint app_at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  explicit Clients(Probe& of, const std::string& retry) : Stage({&of}), probe(of) {
    relaying(probe);
    start(session(probe,
                  "peer = \"127.0.0.2:" + std::to_string(port) +
                      "\"\nlink = \"per-client\"\napp = \"" + app_at.to_string() + "\"",
                  {}, "probe", "s", retry));
  }
};

TEST_CASE("each client has its own instance and link; a held byte crosses when the link is up") {
  Probe probe;
  Clients s(probe, "[session.retry]\nmin = \"20ms\"\njitter = 0.0\n");
  const FarListener far("127.0.0.2", s.port);
  CHECK(s.status().state == SessionState::listening);
  FarEnd apps[3], links[3];
  for (int i = 0; i < 3; ++i) {
    apps[i] = connected(s.app_at);
    apps[i].write("client " + std::to_string(i));
    REQUIRE(s.until([&] { return far.accept(links[i]); }));
    REQUIRE(s.until([&] { return links[i].read(), !links[i].got.empty(); }));
    CHECK(links[i].got == "client " + std::to_string(i));
  }
  CHECK(s.probe.count("open") == 3);
  CHECK(s.status().links == 3);
  links[1].write("to one");
  REQUIRE(s.until([&] { return apps[1].read(), apps[1].got == "to one"; }));
  CHECK(apps[0].got.empty());
  apps[1].finish();
  REQUIRE(s.until([&] { return links[1].ended(); }));
  links[1].finish();
  REQUIRE(s.until([&] { return apps[1].ended(); }));
  CHECK(apps[1].eof);
  REQUIRE(s.until([&] { return s.status().links == 2 || s.probe.count("close") == 1; }));
}

TEST_CASE("a client that waits for a link is served when an operator wants it tried at once") {
  Probe probe;
  Clients s(probe, "[session.retry]\nmin = \"30s\"\njitter = 0.0\nconnect_timeout = \"10m\"\n");
  FarEnd app = connected(s.app_at);
  app.write("patient");
  REQUIRE(s.is(SessionState::backoff));
  CHECK(s.status().attempts == 1);
  const FarListener far("127.0.0.2", s.port);
  REQUIRE(s.keeper->reset("s", ""));
  FarEnd link;
  REQUIRE(s.until([&] { return far.accept(link); }));
  REQUIRE(s.until([&] { return link.read(), link.got == "patient"; }));
}

TEST_CASE("a client without a link in time is reset; its instance hears that both ends are down") {
  Probe probe;
  Clients s(probe, "[session.retry]\nmin = \"30s\"\njitter = 0.0\nconnect_timeout = \"300ms\"\n");
  FarEnd app = connected(s.app_at);
  REQUIRE(s.until([&] { return app.ended(); }));
  CHECK(app.reset);
  REQUIRE(s.until([&] { return s.probe.count("close") == 1; }));
  CHECK(s.probe.all() == "open, up 1, down 1 connect-timeout, close");
}

TEST_CASE("open() that refuses resets the client before anything is dialled") {
  Probe probe;
  Clients s(probe, "[session.retry]\nmin = \"20ms\"\njitter = 0.0\n");
  const FarListener far("127.0.0.2", s.port);
  s.probe.on_open = [](ProbeInstance& i, const ph_open& how) {
    if (how.instances <= 1) return int{PH_OK};
    i.open = false;
    i.fail(PH_RESOURCE, PH_RETRY_NORMAL, "one is enough");
    return int{PH_ENOMEM};
  };
  const FarEnd first = connected(s.app_at);
  FarEnd link, none;
  REQUIRE(s.until([&] { return far.accept(link); }));
  FarEnd second = connected(s.app_at);
  REQUIRE(s.until([&] { return second.ended(); }));
  CHECK(second.reset);
  s.turn();
  CHECK_FALSE(far.accept(none));
  REQUIRE(s.status().last_error);
  CHECK(s.status().last_error->text.find("one is enough") != std::string::npos);
  CHECK(s.status().links == 1);
}

TEST_CASE("passive: an app is dialled for each link; one that is not there is told as on_down") {
  Probe probe;
  relaying(probe);
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  const std::uint16_t app_port = fresh_port();
  Stage s({&probe});
  s.start(Stage::session(
      probe, "mode = \"passive\"\npeer = \"127.0.0.0/8\"\nsource = \"" + at.to_string() +
                 "\"\nlink = \"per-client\"\napp = \"127.0.0.1:" + std::to_string(app_port) +
                 "\""));
  CHECK(s.status().health == Health::ok);
  FarEnd lonely = connected(at, "127.0.0.7");
  REQUIRE(s.until([&] { return lonely.ended(); }));
  REQUIRE(s.until([&] { return probe.count("close") == 1; }));
  CHECK(probe.count("down 1 app-unreachable") == 1);
  CHECK(probe.count("up 1") == 0);
  CHECK(s.status().health == Health::degraded);
  CHECK(s.status().health_text.starts_with("app 127.0.0.1:" + std::to_string(app_port) + ": "));
  const FarListener there("127.0.0.1", app_port);
  const FarEnd peer = connected(at, "127.0.0.8");
  peer.write("through");
  FarEnd app;
  REQUIRE(s.until([&] { return there.accept(app); }));
  REQUIRE(s.until([&] { return app.read(), app.got == "through"; }));
  CHECK(s.status().state == SessionState::established);
  CHECK(s.status().health == Health::ok);
}

TEST_CASE("an app socket that cannot be opened is backoff with resource, until it can") {
  Probe probe;
  auto taken = std::make_unique<FarListener>("127.0.0.1");
  const FarListener far("127.0.0.2");
  relaying(probe);
  Stage s({&probe});
  const auto text = [&](const Endpoint& app) {
    return Stage::session(probe, "peer = \"" + far.at.to_string() +
                                     "\"\nlink = \"per-client\"\napp = \"" + app.to_string() +
                                     "\"");
  };
  s.start(text(taken->at));
  CHECK(s.status().state == SessionState::backoff);
  CHECK(s.status().health == Health::down);
  CHECK(s.status().health_text.find("another program has this port") != std::string::npos);
  REQUIRE(s.status().last_error);
  CHECK(s.status().last_error->cause == Cause::resource);
  const Endpoint at = taken->at;
  taken.reset();
  REQUIRE(s.is(SessionState::listening));
  CHECK(s.status().health == Health::ok);
  // A reload takes it away from those that are served already.
  FarEnd app = connected(at), link;
  REQUIRE(s.until([&] { return far.accept(link); }));
  REQUIRE(s.is(SessionState::established));
  const FarListener other("127.0.0.1");
  REQUIRE(s.reload(text(other.at)).ok);
  CHECK(s.status().state == SessionState::established);
  CHECK(s.status().health == Health::degraded);
  app.abort();
  REQUIRE(s.is(SessionState::backoff));
  REQUIRE(s.reload(text(at)).ok);
  CHECK(s.status().state == SessionState::listening);
  CHECK(s.status().health == Health::ok);
}

}  // namespace
}  // namespace peerhold
