// splice and unsplice: the same bytes and the same callbacks whether the loop moves a pair or a
// mover does.
#include "stage.hpp"

namespace peerhold {
namespace {

std::string random_text(std::size_t n, unsigned long seed) {
  const auto bytes = random_bytes(n, seed);
  return {bytes.begin(), bytes.end()};
}

// Sends of nothing are refused on links that a mover has.
bool lent(ProbeInstance& i) {
  return i.send(PH_PEER, {}) == PH_EINVAL;
}

struct Spliced {
  Probe probe;
  OneSession s;
  FarEnd app;
  explicit Spliced(const std::string& tables = {}) : s(probe, tables), app(s.app(1)) {
    probe.keep_data = false;
  }
  // Both ways at once, in pieces; `half` ends the peer's direction by a FIN long before the app's.
  void exchange(const std::string& to_app, const std::string& to_peer, bool half) {
    std::size_t a = 0, p = 0;
    bool finished = false;
    REQUIRE(s.until([&] {
      if (p < to_app.size()) p += s.peer.write_some(std::string_view(to_app).substr(p, 5000));
      if (half && p == to_app.size() && !std::exchange(finished, true)) s.peer.finish();
      const bool slow = half && !app.eof && a > to_peer.size() / 2;  // the rest after the FIN
      if (!slow && a < to_peer.size())
        a += app.write_some(std::string_view(to_peer).substr(a, 5000));
      app.read();
      s.peer.read();
      return app.got.size() >= to_app.size() && s.peer.got.size() >= to_peer.size();
    }));
    CHECK(app.got == to_app);
    CHECK(s.peer.got == to_peer);
  }
};

TEST_CASE("bytes pass both ways, few and many, and on_data is not called") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{2000}, std::size_t{3} << 20}) {
    CAPTURE(size);
    Spliced t;
    CHECK(t.probe.one().splice(PH_PEER, 1, 0) == PH_OK);
    CHECK(t.probe.one().splice(PH_PEER, 1, 0) == PH_ENOTSUP);
    t.exchange(random_text(size, 1), random_text(size + 7, 2), false);
    CHECK(t.probe.count("data 0") + t.probe.count("data 1") == 0);
    CHECK(lent(t.probe.one()) == (size > 100000));
  }
}

TEST_CASE("half closes pass with PH_SPLICE_EOF; when both have passed both links end") {
  for (const std::size_t size : {std::size_t{3000}, std::size_t{2} << 20}) {
    CAPTURE(size);
    Spliced t;
    CHECK(t.probe.one().splice(PH_PEER, 1, PH_SPLICE_EOF) == PH_OK);
    t.exchange(random_text(size, 3), random_text(size, 4), true);
    REQUIRE(t.s.until([&] { return t.app.ended(); }));
    CHECK(t.app.eof);
    t.s.turn();
    CHECK(t.probe.count("down 0") + t.probe.count("down 1") == 0);
    t.app.finish();
    REQUIRE(t.s.until([&] { return t.probe.count("down 0") + t.probe.count("down 1") == 2; }));
    CHECK(t.probe.count("down 0 peer-closed") == 1);
    CHECK(t.probe.count("down 1 peer-closed") == 1);
    CHECK(t.probe.count("eof 0") + t.probe.count("eof 1") == 0);
    CHECK(t.s.until([&] { return t.s.peer.ended(); }));
    CHECK(t.s.peer.eof);
  }
}

TEST_CASE("without PH_SPLICE_EOF the first end of file ends the splice and comes as on_eof") {
  for (const std::size_t size : {std::size_t{3000}, std::size_t{2} << 20}) {
    CAPTURE(size);
    Spliced t;
    CHECK(t.probe.one().splice(PH_PEER, 1, 0) == PH_OK);
    t.exchange(random_text(size, 5), random_text(size, 6), false);
    t.s.peer.finish();
    REQUIRE(t.s.until([&] { return t.probe.count("eof 0") == 1; }));
    t.s.turn();
    t.app.read();
    CHECK_FALSE(t.app.eof);
    CHECK_FALSE(lent(t.probe.one()));
    // The plugin has the bytes again.
    t.app.write("after");
    REQUIRE(t.s.until([&] { return t.probe.count("data 1") == 1; }));
    CHECK(t.probe.one().send(1, "reply") == 5);
    REQUIRE(t.s.until([&] { return t.app.read(), t.app.got.ends_with("reply"); }));
  }
}

TEST_CASE("held and queued bytes go first") {
  for (const bool many : {false, true}) {
    CAPTURE(many);
    Spliced t("[session.transport]\nbuffer = \"1MiB\"\n");
    t.probe.on_data = [](ProbeInstance&, ph_link, std::string_view) { return std::ptrdiff_t{0}; };
    const std::string held = random_text(many ? 400000 : 300, 8);
    std::size_t written = 0;
    REQUIRE(t.s.until([&] {
      written += t.s.peer.write_some(std::string_view(held).substr(written));
      return written == held.size() && t.probe.count("data 0") > 0;
    }));
    t.s.turn();
    const std::string queued = random_text(many ? 700000 : 300, 9);
    CHECK(t.probe.one().send(1, queued) == static_cast<std::ptrdiff_t>(queued.size()));
    CHECK(t.probe.one().splice(PH_PEER, 1, 0) == PH_OK);
    const std::string rest = random_text(500000, 10);
    written = 0;
    REQUIRE(t.s.until([&] {
      written += t.s.peer.write_some(std::string_view(rest).substr(written));
      t.app.read();
      return t.app.got.size() >= queued.size() + held.size() + rest.size();
    }));
    CHECK(t.app.got == queued + held + rest);
  }
}

TEST_CASE("unsplice: on_writable of the first, then the plugin has the bytes again") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{3000}, std::size_t{2} << 20}) {
    CAPTURE(size);
    Spliced t;
    ProbeInstance& i = t.probe.one();
    CHECK(i.unsplice(PH_PEER, 1) == PH_ENOLINK);
    CHECK(i.splice(PH_PEER, 1, 0) == PH_OK);
    if (size > 0) t.exchange(random_text(size, 11), random_text(size, 12), false);
    CHECK(lent(i) == (size > 100000));
    t.probe.seen.clear();
    CHECK(i.unsplice(PH_PEER, 1) == PH_OK);
    REQUIRE(t.s.until([&] { return t.probe.count("writable 0") == 1; }));
    t.s.turn();
    CHECK(t.probe.all() == "writable 0");
    CHECK_FALSE(lent(i));
    t.s.peer.write("to the plugin");
    REQUIRE(t.s.until([&] { return t.probe.count("data 0") == 1; }));
    t.app.write("too");
    REQUIRE(t.s.until([&] { return t.probe.count("data 1") == 1; }));
    // And again.
    t.app.got.clear();
    t.s.peer.got.clear();
    CHECK(i.splice(1, PH_PEER, 0) == PH_OK);
    t.exchange(random_text(200000, 13), random_text(200000, 14), false);
  }
}

TEST_CASE("unsplice in the middle of a transfer loses nothing and doubles nothing") {
  for (int round = 0; round < 6; ++round) {
    CAPTURE(round);
    Spliced t;
    ProbeInstance& i = t.probe.one();
    t.probe.on_data = [](ProbeInstance& in, ph_link link, std::string_view bytes) {
      return in.send(link == PH_PEER ? 1 : PH_PEER, bytes);
    };
    const std::string all = random_text(4 << 20, static_cast<unsigned long>(20 + round));
    std::size_t written = 0;
    bool spliced = false;
    std::size_t turns = 0;
    REQUIRE(t.s.until([&] {
      written += t.s.peer.write_some(std::string_view(all).substr(written, 40000));
      if (++turns % static_cast<std::size_t>(7 + round) == 0) {
        if (!spliced) {
          spliced = i.splice(PH_PEER, 1, 0) == PH_OK;
        } else if (i.unsplice(PH_PEER, 1) == PH_OK) {
          spliced = false;
        }
      }
      t.app.read();
      return t.app.got.size() >= all.size();
    }));
    CHECK(t.app.got == all);
  }
}

TEST_CASE("the end of one link ends the splice") {
  for (const std::size_t size : {std::size_t{3000}, std::size_t{2} << 20}) {
    CAPTURE(size);
    Spliced t;
    CHECK(t.probe.one().splice(PH_PEER, 1, PH_SPLICE_EOF) == PH_OK);
    t.exchange(random_text(size, 15), random_text(size, 16), false);
    t.s.peer.abort();
    REQUIRE(t.s.until([&] { return t.probe.count("down 0") == 1; }));
    CHECK(t.probe.count("down 0 peer-reset") == 1);
    t.s.turn();
    CHECK(t.probe.count("down 1") == 0);
    CHECK(t.probe.one().send(1, "gone") == 4);
    REQUIRE(t.s.until([&] { return t.app.read(), t.app.got.ends_with("gone"); }));
  }
}

TEST_CASE("the operator ends a session whose pair is with a mover") {
  Spliced t;
  CHECK(t.probe.one().splice(PH_PEER, 1, PH_SPLICE_EOF) == PH_OK);
  t.exchange(random_text(2 << 20, 17), random_text(2 << 20, 18), false);
  CHECK(lent(t.probe.one()));
  CHECK(t.s.status().peer_to_app == 2 << 20);
  CHECK(t.s.status().app_to_peer == 2 << 20);
  REQUIRE(t.s.keeper->down("s", "enough"));
  REQUIRE(t.s.until([&] { return t.probe.count("close") == 1; }));
  CHECK(t.s.peer.ended());
  CHECK(t.app.ended());
  CHECK(t.s.status().peer_to_app == 2 << 20);
}

}  // namespace
}  // namespace peerhold
