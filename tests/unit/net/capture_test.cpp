// Segments that this kernel signs, seen on its own wire: which key, which way, each once.
#include "net/capture.hpp"

#include <cstdlib>

#include "net/capture_filter.hpp"
#include "net/tcp_auth.hpp"
#include "sockets.hpp"

namespace peerhold {
namespace {

struct Seen {
  Endpoint from, to;
  bool outgoing, is_signed;
  std::uint8_t flags;
  std::uint32_t seq;
  std::size_t length;
  std::vector<std::uint32_t> keys;  // those it is signed with
};

struct Couple {
  const char *near, *far;
};
constexpr Couple couples[] = {{"127.0.0.2", "127.0.0.1"}, {"fd00::2", "fd00::1"}};

struct Wire {
  Loop loop;
  std::vector<Key> keys;
  std::vector<Seen> seen;
  std::unique_ptr<Capture> capture;

  Wire() {
    for (const char* text : {"first", "second", "third"})
      keys.push_back(key_of(text, static_cast<std::uint32_t>(keys.size()) + 1));
    (void)std::system("ip -6 addr add fd00::1/128 dev lo nodad 2>/dev/null");
    (void)std::system("ip -6 addr add fd00::2/128 dev lo nodad 2>/dev/null");
  }

  void open(const std::vector<Capture::Pair>& only) {
    seen.clear();
    auto opened = Capture::open(loop, only, [this](const Segment& s) {
      Seen one{s.from, s.to, s.outgoing, s.is_signed(), s.flags, s.seq, s.length, {}};
      for (const Key& key : keys)
        if (s.signed_with(key.secret)) one.keys.push_back(key.id);
      seen.push_back(std::move(one));
    });
    REQUIRE_MESSAGE(opened, opened.error().text);
    capture = std::move(*opened);
  }

  // A connection from `near` to `far`, signed with one of the keys or none, that carries `bytes`.
  void talk(const char* near, const char* far, const Key* key, std::size_t bytes = 1) {
    const Fd listener = bound(endpoint(far));
    if (key) REQUIRE(tcp_auth::set_key(listener.get(), prefix(near), *key));
    REQUIRE(listen(listener.get(), 1) == 0);
    const Fd client = bound(endpoint(near));
    if (key) REQUIRE(tcp_auth::set_key(client.get(), prefix(far), *key));
    last_far = local_endpoint(listener.get());
    last_near = local_endpoint(client.get());
    REQUIRE(connect_to(client, last_far));
    const Fd server(accept(listener.get(), nullptr, nullptr));
    const std::vector<std::uint8_t> data = random_bytes(bytes, 1);
    REQUIRE(send(client.get(), data.data(), data.size(), 0) == static_cast<ssize_t>(bytes));
    std::vector<std::uint8_t> got(bytes);
    REQUIRE(recv(server.get(), got.data(), bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes));
  }

  std::size_t payload() const {
    std::size_t sum = 0;
    for (const Seen& s : seen) sum += s.length;
    return sum;
  }
  // Everything up to the client's FIN.
  bool all() {
    return turn_until(loop, [&] {
      return std::any_of(seen.begin(), seen.end(), [&](const Seen& s) {
        return s.from == last_near && (s.flags & Segment::fin) != 0;
      });
    });
  }
  Endpoint last_near, last_far;
};

TEST_CASE("the key that the kernel signs with is found among several") {
  for (const Couple& two : couples)
    for (std::size_t i = 0; i < 3; ++i) {
      CAPTURE(two.near);
      CAPTURE(i);
      Wire wire;
      wire.open({{endpoint(two.near), endpoint(two.far)}});
      wire.talk(two.near, two.far, &wire.keys[i]);
      REQUIRE(wire.all());
      for (const Seen& s : wire.seen) {
        CHECK(s.is_signed);
        CHECK(s.keys == std::vector<std::uint32_t>{static_cast<std::uint32_t>(i) + 1});
      }
    }
}

TEST_CASE("an unsigned segment is none of any key's, and one of a key outside is told apart") {
  Wire wire;
  wire.open({{endpoint("127.0.0.2"), endpoint("127.0.0.1")}});
  wire.talk("127.0.0.2", "127.0.0.1", nullptr);
  REQUIRE(wire.all());
  for (const Seen& s : wire.seen) CHECK_FALSE(s.is_signed);

  const Key outside = key_of("outside", 9);
  wire.seen.clear();
  wire.talk("127.0.0.2", "127.0.0.1", &outside);
  REQUIRE(wire.all());
  for (const Seen& s : wire.seen) {
    CHECK(s.is_signed);
    CHECK(s.keys.empty());
  }
}

TEST_CASE("each segment comes once, and says which way it went") {
  Wire wire;
  wire.open({{endpoint("127.0.0.2"), endpoint("127.0.0.1")}});
  wire.talk("127.0.0.2", "127.0.0.1", &wire.keys[0]);
  REQUIRE(wire.all());
  int syns = 0;
  for (const Seen& s : wire.seen) {
    CHECK(s.outgoing == (s.from == wire.last_near));
    CHECK((s.outgoing ? s.to : s.from) == wire.last_far);
    syns += s.flags == Segment::syn;
  }
  CHECK(syns == 1);
  CHECK(wire.payload() == 1);
}

TEST_CASE("the largest segments are seen whole") {
  for (const Couple& two : couples) {
    Wire wire;
    wire.open({{endpoint(two.near), endpoint(two.far)}});
    constexpr std::size_t bytes = 400000;
    // Nobody reads while it is sent: it must fit the buffers.
    const Fd listener = bound(endpoint(two.far));
    REQUIRE(tcp_auth::set_key(listener.get(), prefix(two.near), wire.keys[1]));
    REQUIRE(listen(listener.get(), 1) == 0);
    const Fd client = bound(endpoint(two.near));
    REQUIRE(tcp_auth::set_key(client.get(), prefix(two.far), wire.keys[1]));
    REQUIRE(connect_to(client, local_endpoint(listener.get())));
    const Fd server(accept(listener.get(), nullptr, nullptr));
    unblock(client);
    unblock(server);
    const auto data = random_bytes(bytes, 1);
    std::vector<std::uint8_t> got(bytes);
    std::size_t out = 0, in = 0, largest = 0;
    REQUIRE(turn_until(wire.loop, [&] {
      if (const auto n = send(client.get(), data.data() + out, bytes - out, 0); n > 0)
        out += static_cast<std::size_t>(n);
      if (const auto n = recv(server.get(), got.data(), bytes, 0); n > 0)
        in += static_cast<std::size_t>(n);
      return in == bytes;
    }));
    REQUIRE(turn_until(wire.loop, [&] { return wire.payload() >= bytes / 2; }));
    for (const Seen& s : wire.seen) {
      CHECK(s.keys == std::vector<std::uint32_t>{2});
      largest = std::max(largest, s.length);
    }
    CHECK(largest > 30000);
  }
}

TEST_CASE("what is not asked for is not shown") {
  Wire wire;
  wire.talk("127.0.0.2", "127.0.0.1", nullptr);
  Endpoint other_port = wire.last_far;
  wire.open({{endpoint("127.0.0.2"), other_port}, {endpoint("127.0.0.3"), endpoint("127.0.0.1")}});
  wire.talk("127.0.0.2", "127.0.0.1", nullptr);  // to another port
  wire.talk("127.0.0.4", "127.0.0.1", nullptr);
  wire.talk("fd00::2", "fd00::1", nullptr);
  wire.talk("127.0.0.3", "127.0.0.1", nullptr);
  REQUIRE(wire.all());
  for (const Seen& s : wire.seen) CHECK((s.from == wire.last_near || s.to == wire.last_near));
}

TEST_CASE("any address, and any port") {
  Wire wire;
  wire.open({{endpoint("127.0.0.1"), endpoint("0.0.0.0")}, {endpoint("fd00::1"), {}}});
  wire.talk("127.0.0.2", "127.0.0.1", &wire.keys[2]);
  REQUIRE(wire.all());
  CHECK_FALSE(wire.seen[0].outgoing);  // the SYN, which comes to 127.0.0.1
  CHECK(wire.seen[1].outgoing);
  wire.seen.clear();
  wire.talk("fd00::2", "fd00::1", &wire.keys[2]);
  REQUIRE(wire.all());
  CHECK(wire.seen[0].keys == std::vector<std::uint32_t>{3});
  CHECK_FALSE(wire.seen[0].outgoing);
}

TEST_CASE("only what opens a connection") {
  Wire wire;
  for (const bool many : {false, true}) {
    std::vector<Capture::Pair> pairs{{endpoint("127.0.0.1"), endpoint("0.0.0.0"), true}};
    if (many)  // the wider filter, and then the list decides
      for (int i = 1; i < 80; ++i)
        pairs.push_back({endpoint("127.0.0.1"), endpoint("127.9.0." + std::to_string(i))});
    wire.open(pairs);
    wire.talk("127.0.0.2", "127.0.0.1", &wire.keys[0]);
    wire.open({{endpoint("127.0.0.1"), endpoint("127.0.0.3")}, pairs.front()});
    wire.talk("127.0.0.2", "127.0.0.1", &wire.keys[0]);
    wire.talk("127.0.0.3", "127.0.0.1", &wire.keys[0]);
    REQUIRE(wire.all());
    std::size_t of_two = 0;
    for (const Seen& s : wire.seen) {
      if (s.from.address == endpoint("127.0.0.3").address ||
          s.to.address == endpoint("127.0.0.3").address)
        continue;
      CHECK((s.flags & Segment::syn) != 0);
      ++of_two;
    }
    CHECK(of_two == 2);
  }
}

TEST_CASE("a thousand pairs share one capture") {
  Wire wire;
  std::vector<Capture::Pair> pairs;
  for (int i = 1; i <= 1000; ++i)
    pairs.push_back({endpoint("127.0.0.1"), endpoint("127.1." + std::to_string(i / 250) + "." +
                                                     std::to_string(i % 250 + 1))});
  wire.open(pairs);
  CHECK(capture_filter(pairs).size() < 100);
  wire.talk("127.2.0.1", "127.0.0.1", &wire.keys[0]);  // none of them
  wire.talk("127.1.2.7", "127.0.0.1", &wire.keys[1]);
  REQUIRE(wire.all());
  for (const Seen& s : wire.seen) {
    CHECK((s.from == wire.last_near || s.to == wire.last_near));
    CHECK(s.keys == std::vector<std::uint32_t>{2});
  }
  // Not so many that the kernel would refuse the filter, however many are asked for.
  for (const std::size_t n : {0u, 1u, 32u, 40u, 5000u}) {
    std::vector<Capture::Pair> six(n, {endpoint("[fd00::1]:1"), endpoint("[fd00::2]:2"), true});
    CHECK(capture_filter(six).size() <= BPF_MAXINSNS);
    CHECK((capture_filter(six).size() == capture_filter(six, true).size()) == (n > 32));
    wire.open(six);
  }
}

TEST_CASE("a capture may be destroyed by what it tells") {
  Wire wire;
  int calls = 0;
  auto opened = Capture::open(wire.loop, {{endpoint("127.0.0.2"), endpoint("127.0.0.1")}},
                              [&](const Segment& s) {
                                wire.capture.reset();
                                calls += s.from.port != 0;  // still to be read
                              });
  REQUIRE(opened);
  wire.capture = std::move(*opened);
  wire.talk("127.0.0.2", "127.0.0.1", nullptr);
  CHECK(turn_until(wire.loop, [&] { return calls == 1; }));
  for (int i = 0; i < 10; ++i) wire.loop.turn();
  CHECK(calls == 1);
}

}  // namespace
}  // namespace peerhold
