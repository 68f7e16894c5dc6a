// What ABI 1.2 added: a peer that is dialled when an instance asks for it, clients on whom pick()
// cannot decide, and what the session keeps for its instances.
#include "stage.hpp"

namespace peerhold {
namespace {

constexpr const char* plugin_name = "probe_waits";

std::string lines(const Endpoint& peer, const Endpoint& app) {
  return "peer = \"" + peer.to_string() + "\"\nlink = \"per-client\"\napp = \"" + app.to_string() +
         "\"";
}

}  // namespace

TEST_CASE("PH_ASKS_FOR_PEER: the peer is dialled when the instance asks, once") {
  Probe probe;
  Stage s({&probe});
  const FarListener far("127.0.0.2");
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  probe.on_data = [](ProbeInstance& i, ph_link link, std::string_view b) -> std::ptrdiff_t {
    if (link == PH_PEER) return i.send(1, b);
    if (b.starts_with("bad")) return i.close(1, false), std::ssize(b);
    i.want_peer(true);
    i.want_peer(true);
    return i.send(PH_PEER, b);
  };
  s.start(Stage::session(probe, lines(far.at, at), {}, plugin_name));
  FarEnd silent = connected(at), bad = connected(at);
  bad.write("bad");
  REQUIRE(s.until([&] { return bad.ended(); }));
  REQUIRE(s.until([&] { return probe.count("up 1") == 2; }));
  s.turn(20);
  CHECK(s.status().attempts == 0);
  CHECK(s.status().state == SessionState::listening);
  const FarEnd good = connected(at);
  good.write("good");
  FarEnd link;
  REQUIRE(s.until([&] { return far.accept(link); }));
  REQUIRE(s.until([&] { return link.read(), link.got == "good"; }));
  CHECK(s.status().attempts == 1);
  CHECK(s.status().links == 1);
  // Who asked and has left before the link came gets none.
  CHECK(probe.count("down 1") == 1);
}

TEST_CASE(
    "a client that has asked waits no longer than connect_timeout; one that has not, as it likes") {
  Probe probe;
  Stage s({&probe});
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  probe.on_data = [](ProbeInstance& i, ph_link, std::string_view) -> std::ptrdiff_t {
    return i.want_peer(true), 0;
  };
  s.start(Stage::session(
      probe, lines(endpoint("127.0.0.2:" + std::to_string(fresh_port())), at), {}, plugin_name, "s",
      "[session.retry]\nmin = \"20ms\"\njitter = 0.0\nconnect_timeout = \"100ms\"\n"));
  FarEnd silent = connected(at), asks = connected(at);
  asks.write("x");
  REQUIRE(s.until([&] { return asks.ended(); }));
  CHECK(asks.reset);
  CHECK_FALSE(silent.ended());
}

TEST_CASE("pick_wait: who is undecided when the time is over, or ends, is the first session's") {
  Probe first, second;
  Stage s({&first, &second});
  const FarListener far("127.0.0.2");
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  std::vector<std::uint32_t> flags;
  for (Probe* probe : {&first, &second})
    probe->on_up = [&](ProbeInstance&, ph_link, const ph_link_info& info) {
      flags.push_back(info.flags);
      return int{PH_OK};
    };
  const std::string slow =
      "[session.retry]\nmin = \"20ms\"\njitter = 0.0\nconnect_timeout = \"10m\"\n";
  s.start(Stage::session(first, lines(far.at, at), {}, plugin_name, "s", slow) +
          Stage::session(second, lines(far.at, at), {}, plugin_name, "t", slow));
  const FarEnd decided = connected(at);
  decided.write("1abc");
  REQUIRE(s.until([&] { return second.count("up 1") == 1; }));
  const FarEnd silent = connected(at);
  REQUIRE(s.until([&] { return first.count("up 1") == 1; }));
  const FarEnd brief = connected(at);
  brief.write("1a");
  brief.finish();
  REQUIRE(s.until([&] { return first.count("eof 1") == 1; }));
  CHECK(first.count("data 1 1a") == 1);
  CHECK(flags == std::vector<std::uint32_t>{0, PH_LINK_UNDECIDED, 0});
  CHECK(second.count("open") == 1);
  // Who ends without a word is nobody's.
  FarEnd nobody = connected(at);
  nobody.finish();
  REQUIRE(s.until([&] { return nobody.ended(); }));
  CHECK(first.count("open") == 2);
}

TEST_CASE("metrics are the session's, over its instances; a line that repeats is rarely said") {
  Probe probe;
  Stage s({&probe});
  const FarListener far("127.0.0.2");
  const Endpoint at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  probe.on_data = [](ProbeInstance& i, ph_link, std::string_view b) {
    i.host->metric(i.me, 0, nullptr, 2);
    i.host->metric(i.me, 1, std::string(b).c_str(), 1);
    i.host->metric(i.me, 2, nullptr, std::ssize(b));
    i.host->metric(i.me, 9, nullptr, 1);  // there is none
    i.host->log_repeated(i.me, PH_LOG_WARN, 3, "again and again");
    i.host->log_repeated(i.me, PH_LOG_WARN, 4, "another kind");
    i.close(1, false);
    return std::ssize(b);
  };
  s.start(Stage::session(probe, lines(far.at, at), {}, plugin_name));
  for (int n = 0; n < 5; ++n) {
    FarEnd app = connected(at);
    app.write(n < 3 ? "a" : "bb");
    REQUIRE(s.until([&] { return app.ended(); }));
  }
  REQUIRE(s.until([&] { return probe.count("close") == 5; }));
  std::string all;
  for (const auto& m : s.status().plugin_metrics)
    all += m.name + "{" + m.label + "}=" + std::to_string(m.value) + " ";
  CHECK(all == "plain{}=10 by_word{a}=3 by_word{bb}=2 level{}=2 ");
  CHECK(s.logged("again and again") == 3);  // the 1st, 2nd and 4th
  CHECK(s.logged("another kind") == 3);
  CHECK(s.logged("count=4") == 2);
  // Not without bound, whoever chooses the words.
  for (int n = 0; n < 70; ++n) {
    FarEnd app = connected(at);
    app.write("w" + std::to_string(n));
    REQUIRE(s.until([&] { return app.ended(); }));
  }
  std::size_t labels = 0;
  std::int64_t other = 0;
  for (const auto& m : s.status().plugin_metrics) {
    labels += m.name == "by_word";
    if (m.label == "other") other = m.value;
  }
  CHECK(labels == 65);
  CHECK(other == 8);
}

}  // namespace peerhold
