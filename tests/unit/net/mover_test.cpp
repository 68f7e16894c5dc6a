// Movers: whatever the threads do and whenever a pair is asked back, each byte arrives once and in
// order. Run under ThreadSanitizer in CI.
#include "net/mover.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "net/link.hpp"
#include "net/transport.hpp"
#include "sockets.hpp"

namespace peerhold {
namespace {

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++n;
  return n;
}

// A pair of connections with a borrowed middle, and threads at its far ends that send random bytes
// and a FIN, and remember what they hear up to the other's FIN.
struct Traffic {
  Ends left, right;
  std::vector<std::uint8_t> to_right, to_left, at_right, at_left;
  std::atomic<int> finished{0};
  std::vector<std::thread> threads;

  Traffic(Ends l, Ends r, std::size_t size, unsigned long seed)
      : left(std::move(l)),
        right(std::move(r)),
        to_right(random_bytes(size, seed)),
        to_left(random_bytes(size / 2, seed + 1)) {
    threads.emplace_back([this, seed] { feed(left.far, to_right, seed); });
    threads.emplace_back([this, seed] { feed(right.far, to_left, seed + 5); });
    threads.emplace_back([this] { drink(right.far, at_right); });
    threads.emplace_back([this] { drink(left.far, at_left); });
  }
  ~Traffic() {
    for (const Fd* fd : {&left.far, &right.far}) shutdown(fd->get(), SHUT_RDWR);
    for (auto& thread : threads) thread.join();
  }
  bool complete() const { return finished == 2; }

  static void feed(const Fd& fd, const std::vector<std::uint8_t>& bytes, unsigned long seed) {
    std::mt19937 sizes(seed);
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t n = std::min<std::size_t>(bytes.size() - at, 1 + sizes() % 100000);
      const ssize_t sent = send(fd.get(), bytes.data() + at, n, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
    shutdown(fd.get(), SHUT_WR);
  }
  void drink(const Fd& fd, std::vector<std::uint8_t>& all) {
    std::vector<std::uint8_t> buffer(50000);
    ssize_t n = 0;
    while ((n = recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0)
      all.insert(all.end(), buffer.begin(), buffer.begin() + n);
    ++finished;
  }
};

void push_out(const Fd& fd, const std::vector<std::uint8_t>& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    pollfd room{fd.get(), POLLOUT, 0};
    poll(&room, 1, 10000);
    const ssize_t n = send(fd.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    REQUIRE(n > 0);
    at += static_cast<std::size_t>(n);
  }
}

// Lends the pair again and again, asking it back every so often, as a session does whose plugin
// wants a look; ends when both FINs were passed on.
struct Lender {
  Movers& movers;
  Traffic& traffic;
  Movers::Options options;
  Movers::Id id = 0;
  std::uint64_t to_right = 0, to_left = 0;
  int times = 0;
  bool left_ended = false, right_ended = false, over = false, failed = false;

  void lend() {
    ++times;
    id = movers.lend(traffic.left.ours.get(), traffic.right.ours.get(), options,
                     [this](Returned back) { returned(std::move(back)); });
  }
  void returned(Returned back) {
    to_right += back.a.bytes + back.a.rest.size();
    to_left += back.b.bytes + back.b.rest.size();
    failed = failed || back.a.read_error || back.a.write_error || back.b.read_error ||
             back.b.write_error;
    pass(back.a, traffic.right.ours, left_ended);
    pass(back.b, traffic.left.ours, right_ended);
    id = 0;
    over = failed || (left_ended && right_ended);
    if (!over) lend();
  }
  static void pass(Returned::Side& side, const Fd& to, bool& ended) {
    push_out(to, side.rest);
    if (!side.eof) return;
    if (!side.eof_passed) shutdown(to.get(), SHUT_WR);
    ended = true;
  }
};

void check(const Traffic& traffic, const Lender& lender) {
  CHECK_FALSE(lender.failed);
  CHECK(traffic.at_right == traffic.to_right);
  CHECK(traffic.at_left == traffic.to_left);
  CHECK(lender.to_right == traffic.to_right.size());
  CHECK(lender.to_left == traffic.to_left.size());
}

}  // namespace

TEST_CASE("a lent pair is relayed in both directions, FINs included, and counted") {
  for (const bool local : {false, true}) {
    Loop loop;
    Movers movers(loop);
    Traffic traffic(tcp_ends(), local ? unix_ends() : tcp_ends(), 16 << 20, 1);
    Lender lender{movers, traffic, {}};
    lender.lend();
    CHECK(movers.lent() == 1);
    REQUIRE(turn_until(loop, [&] { return lender.over && traffic.complete(); }));
    CHECK(lender.times == 1);
    CHECK(movers.lent() == 0);
    check(traffic, lender);
  }
}

TEST_CASE("asked back in the middle, again and again, nothing is lost or doubled") {
  Loop loop;
  Movers movers(loop, 2);
  Traffic traffic(tcp_ends(), tcp_ends(), 16 << 20, 2);
  Lender lender{movers, traffic, {}};
  lender.options.buffer = 100000;
  lender.lend();
  std::mt19937 random(3);
  REQUIRE(turn_until(loop, [&] {
    if (lender.id != 0 && random() % 3 == 0) movers.ask_back(lender.id);
    return lender.over && traffic.complete();
  }));
  CHECK(lender.times > 2);
  check(traffic, lender);
}

TEST_CASE("many pairs of all kinds on few threads") {
  Loop loop;
  Movers movers(loop, 3);
  std::vector<std::unique_ptr<Traffic>> traffic;
  std::vector<std::unique_ptr<Lender>> lenders;
  for (unsigned i = 0; i < 12; ++i) {
    traffic.push_back(std::make_unique<Traffic>(i % 2 ? tcp_ends() : unix_ends(),
                                                i % 3 ? tcp_ends() : unix_ends(), 1 << 20, i));
    lenders.push_back(std::make_unique<Lender>(Lender{movers, *traffic.back(), {}}));
    lenders.back()->lend();
  }
  std::mt19937 random(4);
  REQUIRE(turn_until(loop, [&] {
    bool all = true;
    for (unsigned i = 0; i < 12; ++i) {
      if (lenders[i]->id != 0 && random() % 20 == 0) movers.ask_back(lenders[i]->id);
      all = all && lenders[i]->over && traffic[i]->complete();
    }
    return all;
  }));
  for (unsigned i = 0; i < 12; ++i) check(*traffic[i], *lenders[i]);
}

TEST_CASE("without pipes the bytes go through a buffer") {
  Loop loop;
  Movers movers(loop, 1);
  {
    // Starts the thread while descriptors can be had.
    Ends a = tcp_ends(), b = tcp_ends();
    bool back = false;
    movers.ask_back(movers.lend(a.ours.get(), b.ours.get(), {}, [&](Returned) { back = true; }));
    REQUIRE(turn_until(loop, [&] { return back; }));
  }
  Traffic traffic(tcp_ends(), tcp_ends(), 4 << 20, 5);
  rlimit before{}, none{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 3;  // what is open stays open
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  Lender lender{movers, traffic, {}};
  lender.lend();
  const bool done = turn_until(loop, [&] { return lender.over && traffic.complete(); });
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(done);
  check(traffic, lender);
}

TEST_CASE("an idle pair owns no pipe and comes back at once when asked") {
  Loop loop;
  Movers movers(loop, 1);
  std::vector<Ends> ends;
  for (int i = 0; i < 40; ++i) ends.push_back(tcp_ends());
  const std::size_t before = open_descriptors();
  int back = 0;
  std::vector<Movers::Id> ids;
  for (std::size_t i = 0; i < 40; i += 2)
    ids.push_back(movers.lend(ends[i].ours.get(), ends[i + 1].ours.get(), {}, [&](Returned r) {
      ++back;
      CHECK(r.a.bytes == 1);
      CHECK(r.a.rest.empty());
    }));
  for (std::size_t i = 0; i < 40; i += 2) REQUIRE(send(ends[i].far.get(), "x", 1, 0) == 1);
  for (std::size_t i = 1; i < 40; i += 2) {
    char byte;
    REQUIRE(recv(ends[i].far.get(), &byte, 1, 0) == 1);
  }
  // Progress is counted after the byte has left.
  REQUIRE(turn_until(loop, [&] {
    for (const auto id : ids)
      if (movers.progress(id).a_to_b != 1) return false;
    return true;
  }));
  CHECK(open_descriptors() <=
        before + 2 + 2 * 8);  // epoll, eventfd and the pool, not 20 pairs of pipes
  for (const auto id : ids) movers.ask_back(id);
  CHECK(turn_until(loop, [&] { return back == 20; }));
}

TEST_CASE("what is in the pipe of a stalled direction is handed back") {
  Loop loop;
  Movers movers(loop, 1);
  Ends a = tcp_ends(), b = tcp_ends();
  std::vector<std::uint8_t> sent, rest, heard;
  Returned result;
  bool back = false;
  const auto id = movers.lend(a.ours.get(), b.ours.get(), {}, [&](Returned r) {
    result = std::move(r);
    back = true;
  });
  const auto bytes = random_bytes(65536, 6);
  while (true) {  // nobody reads at the far end of b
    const ssize_t n = send(a.far.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) sent.insert(sent.end(), bytes.begin(), bytes.begin() + n);
    pollfd room{a.far.get(), POLLOUT, 0};
    if (n < 0 && poll(&room, 1, 300) == 0) break;
  }
  movers.ask_back(id);
  movers.ask_back(id);  // twice is once
  REQUIRE(turn_until(loop, [&] { return back; }));
  CHECK_FALSE(result.a.rest.empty());
  auto take = [](const Fd& fd, std::vector<std::uint8_t>& into, std::size_t upto) {
    std::uint8_t buffer[65536];
    while (into.size() < upto) {
      const ssize_t n = recv(fd.get(), buffer, std::min(sizeof buffer, upto - into.size()), 0);
      if (n <= 0) break;
      into.insert(into.end(), buffer, buffer + n);
    }
  };
  take(b.far, heard, result.a.bytes);
  heard.insert(heard.end(), result.a.rest.begin(), result.a.rest.end());
  shutdown(a.far.get(), SHUT_WR);
  fcntl(a.ours.get(), F_SETFL, 0);
  take(a.ours, heard, SIZE_MAX);  // what the mover had not read
  CHECK(heard == sent);
}

TEST_CASE("shutting a socket down, a reset, a first FIN: the pair comes back") {
  Loop loop;
  Movers movers(loop, 1);
  Movers::Options first_fin;
  first_fin.pass_eof = false;
  struct Case {
    std::string what;
    bool may_pass;  // a FIN that was seen before the hang-up
    void (*act)(Ends& a, Ends& b);
    Movers::Options options;
  };
  const Case cases[] = {
      {"shutdown", true, [](Ends& a, Ends&) { shutdown(a.ours.get(), SHUT_RDWR); }, {}},
      {"shutdown of the other",
       true,
       [](Ends&, Ends& b) { shutdown(b.ours.get(), SHUT_RDWR); },
       {}},
      {"disconnect", false, [](Ends& a, Ends&) { REQUIRE(abort_connection(a.ours.get())); }, {}},
      {"reset",
       false,
       [](Ends&, Ends& b) {
         const linger now{1, 0};
         setsockopt(b.far.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
         b.far.reset();
       },
       {}},
      {"the first FIN", false, [](Ends& a, Ends&) { shutdown(a.far.get(), SHUT_WR); }, first_fin},
  };
  for (const Case& one : cases) {
    INFO(one.what);
    Ends a = tcp_ends(), b = tcp_ends();
    bool back = false;
    movers.lend(a.ours.get(), b.ours.get(), one.options, [&](Returned r) {
      back = true;
      if (!one.may_pass) CHECK_FALSE((r.a.eof_passed || r.b.eof_passed));
    });
    REQUIRE(send(a.far.get(), "x", 1, 0) == 1);
    char byte;
    REQUIRE(recv(b.far.get(), &byte, 1, 0) == 1);  // it is on its way, and idle again
    one.act(a, b);
    CHECK(turn_until(loop, [&] { return back; }));
  }
}

TEST_CASE("links lend and take back: a reset under a mover still says why it ended") {
  struct Owner final : LinkEvents {
    std::size_t link_data(Link&, std::span<const std::uint8_t> bytes) override {
      return bytes.size();
    }
    void link_eof(Link&) override { eof = true; }
    void link_writable(Link&) override {}
    void link_down(Link&, const LinkEnd& why) override {
      end = why;
      down = true;
    }
    bool down = false, eof = false;
    LinkEnd end;
  };
  Loop loop;
  Closing closing(loop);
  Movers movers(loop, 1);
  Owner of_a, of_b;
  Ends a = tcp_ends(), b = tcp_ends();
  auto link_a = *Link::open(loop, closing, {std::move(a.ours)}, 65536, &of_a);
  auto link_b = *Link::open(loop, closing, {std::move(b.ours)}, 65536, &of_b);
  bool back = false;
  movers.lend(*link_a->lend(), *link_b->lend(), {}, [&](Returned r) {
    link_a->add_bytes(r.a.bytes, r.b.bytes);
    link_b->add_bytes(r.b.bytes, r.a.bytes);
    link_a->take_back(r.a.eof, r.b.eof_passed, r.a.read_error ? r.a.read_error : r.a.write_error);
    link_b->take_back(r.b.eof, r.a.eof_passed, r.b.read_error ? r.b.read_error : r.b.write_error);
    back = true;
  });
  REQUIRE(send(a.far.get(), "hello", 5, 0) == 5);
  char text[5];
  REQUIRE(recv(b.far.get(), text, 5, MSG_WAITALL) == 5);
  const linger now{1, 0};
  setsockopt(a.far.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  a.far.reset();
  REQUIRE(turn_until(loop, [&] { return back && of_a.down; }));
  CHECK(of_a.end.cause == Cause::peer_reset);
  CHECK_FALSE(of_a.eof);
  CHECK_FALSE(of_b.down);
  CHECK(link_a->bytes_in() == 5);
  CHECK(link_b->bytes_out() == 5);
  CHECK(link_b->send(bytes_of("x")) == 1);
}

TEST_CASE("movers that go while pairs are lent let them go") {
  Loop loop;
  Ends a = tcp_ends(), b = tcp_ends();
  bool back = false;
  {
    Movers movers(loop, 2);
    movers.lend(a.ours.get(), b.ours.get(), {}, [&](Returned) { back = true; });
  }
  REQUIRE(send(a.far.get(), "x", 1, 0) == 1);
  for (int i = 0; i < 20; ++i) loop.turn();
  CHECK_FALSE(back);
}

}  // namespace peerhold
