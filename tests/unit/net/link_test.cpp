// Link: every byte once and in order, both FINs, bounded memory, and an end that says why.
#include "net/link.hpp"

#include <linux/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <ctime>
#include <deque>
#include <functional>
#include <thread>

#include "net/tcp_auth.hpp"
#include "sockets.hpp"

namespace peerhold {
namespace {

// Takes everything unless told otherwise, and remembers what it was told in which order.
struct Owner final : LinkEvents {
  std::size_t link_data(Link& link, std::span<const std::uint8_t> bytes) override {
    const std::size_t n = take ? take(link, bytes) : bytes.size();
    got.insert(got.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    offers.push_back(bytes.size());
    return n;
  }
  void link_eof(Link& link) override {
    story += "eof ";
    if (on_eof) on_eof(link);
  }
  void link_writable(Link& link) override {
    story += "writable ";
    if (on_writable) on_writable(link);
  }
  void link_down(Link&, const LinkEnd& why) override {
    story += "down ";
    end = why;
  }
  std::function<std::size_t(Link&, std::span<const std::uint8_t>)> take;
  std::function<void(Link&)> on_eof, on_writable;
  std::vector<std::uint8_t> got;
  std::deque<std::size_t> offers;
  std::string story;
  LinkEnd end;
};

struct World {
  Loop loop;
  Closing closing{loop};
  Owner owner;
  Fd far;
  std::unique_ptr<Link> link;

  explicit World(Ends ends = tcp_ends(), std::uint64_t buffer = 65536) : far(std::move(ends.far)) {
    auto opened = Link::open(loop, closing, {std::move(ends.ours)}, buffer, &owner);
    REQUIRE(opened);
    link = std::move(*opened);
  }
  template <class F>
  bool until(F f) {
    return turn_until(loop, f);
  }
  void say(std::string_view text) {
    REQUIRE(send(far.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  std::string text() const { return {owner.got.begin(), owner.got.end()}; }
  // Everything up to the FIN, as the far end sees it; `heard_error` when it was no FIN.
  int heard_error = 0;
  std::vector<std::uint8_t> hear() {
    std::vector<std::uint8_t> all;
    std::uint8_t buffer[65536];
    bool ended = false;
    CHECK(until([&] {
      const ssize_t n = recv(far.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) all.insert(all.end(), buffer, buffer + n);
      if (n == 0 || (n < 0 && errno != EAGAIN)) ended = true;
      if (ended && n < 0) heard_error = errno;
      return ended;
    }));
    return all;
  }
};

Ends keyed_ends(const Key& key) {
  const Fd listener = bound(endpoint("127.0.0.1"));
  REQUIRE(tcp_auth::set_key(listener.get(), prefix("127.0.0.2"), key));
  REQUIRE(listen(listener.get(), 1) == 0);
  Ends ends;
  ends.far = bound(endpoint("127.0.0.2"));
  REQUIRE(tcp_auth::set_key(ends.far.get(), prefix("127.0.0.1"), key));
  REQUIRE(connect_to(ends.far, local_endpoint(listener.get())));
  ends.ours.reset(accept(listener.get(), nullptr, nullptr));
  unblock(ends.ours);
  return ends;
}

void reset(Fd& fd) {
  const linger now{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

}  // namespace

TEST_CASE(
    "what is not consumed is held and offered again, whole, when more arrives or when asked") {
  World w;
  w.owner.take = [](Link&, auto bytes) { return bytes.size() >= 6 ? std::size_t{6} : 0; };
  w.say("abc");
  REQUIRE(w.until([&] { return w.link->held() == 3; }));
  w.say("defgh");
  REQUIRE(w.until([&] { return w.link->held() == 2; }));
  CHECK(w.text() == "abcdef");
  CHECK(w.owner.offers.back() == 8);
  w.owner.take = nullptr;
  w.link->offer();
  CHECK(w.text() == "abcdefgh");
  CHECK(w.link->held() == 0);
  const auto offers = w.owner.offers.size();
  w.link->offer();  // nothing held: nothing happens
  CHECK(w.owner.offers.size() == offers);
  CHECK(w.link->bytes_in() == 8);
}

TEST_CASE("an offer asked for inside link_data comes on a later turn") {
  World w;
  int depth = 0, deepest = 0;
  w.owner.take = [&](Link& link, auto) {
    deepest = std::max(deepest, ++depth);
    if (w.owner.offers.size() < 3) link.offer();
    --depth;
    return std::size_t{0};
  };
  w.say("x");
  CHECK(w.until([&] { return w.owner.offers.size() == 4; }));
  CHECK(deepest == 1);
}

TEST_CASE("held input is bounded, and TCP pauses the sender") {
  World w(tcp_ends(), 10000);
  w.owner.take = [](Link&, auto) { return std::size_t{0}; };
  unblock(w.far);
  const auto bytes = random_bytes(65536, 1);
  std::size_t sent = 0;
  while (true) {  // until the kernel's buffers and ours are full
    const ssize_t n = send(w.far.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    w.loop.turn();
    pollfd room{w.far.get(), POLLOUT, 0};
    if (n < 0 && w.link->held() == 10000 && poll(&room, 1, 200) == 0) break;
  }
  CHECK(w.link->held() == 10000);
  for (const std::size_t offered : w.owner.offers) CHECK(offered <= 10000);
  w.owner.take = nullptr;
  w.link->offer();
  CHECK(w.until([&] { return w.link->bytes_in() == sent && w.owner.got.size() == sent; }));
}

TEST_CASE("output is bounded; link_writable comes when the queue is empty again") {
  World w(tcp_ends(), 10000);
  const auto bytes = random_bytes(20 << 20, 2);
  std::size_t sent = 0;
  auto more = [&](Link& link) {
    sent += link.send(std::span(bytes).subspan(sent));
    CHECK(link.queued() <= 10000);
    if (sent == bytes.size()) link.send_eof();
  };
  w.owner.on_writable = more;
  more(*w.link);
  REQUIRE(sent < bytes.size());
  CHECK(w.link->queued() == 10000);
  CHECK(w.link->room() == 0);
  CHECK(w.link->unsent() > 10000);
  CHECK(w.owner.story.empty());
  CHECK(w.hear() == bytes);
  CHECK(w.link->bytes_out() == bytes.size());
  CHECK(w.link->queued() == 0);
  CHECK(w.owner.story.find("down") == std::string::npos);
}

TEST_CASE("half-closes: reading goes on after our FIN, writing after theirs") {
  for (const bool tcp : {true, false}) {
    World w(tcp ? tcp_ends() : unix_ends());
    CHECK(w.link->send(bytes_of("question")) == 8);
    w.link->send_eof();
    CHECK(w.link->eof_sent());
    CHECK(w.link->send(bytes_of("late")) == 0);
    CHECK(w.hear().size() == 8);
    w.say("answer");
    REQUIRE(w.until([&] { return w.text() == "answer"; }));
    shutdown(w.far.get(), SHUT_WR);
    CHECK(w.until([&] { return w.owner.story == "eof "; }));
    CHECK(w.link->eof_received());

    World other(tcp ? tcp_ends() : unix_ends());
    other.say("all of it");
    shutdown(other.far.get(), SHUT_WR);
    CHECK(other.until([&] { return other.owner.story == "eof "; }));
    CHECK(other.text() == "all of it");
    CHECK(other.link->send(bytes_of("still here")) == 10);
    other.link->close();
    CHECK(other.hear().size() == 10);
  }
}

TEST_CASE("link_eof is told after the last offer although bytes are held") {
  World w;
  w.owner.take = [](Link&, auto) { return std::size_t{0}; };
  w.say("held");
  shutdown(w.far.get(), SHUT_WR);
  CHECK(w.until([&] { return w.owner.story == "eof "; }));
  CHECK(w.link->held() == 4);
  w.owner.take = nullptr;
  w.link->offer();
  CHECK(w.text() == "held");
}

TEST_CASE("a paused link reads nothing, hears a reset, and goes on when it may") {
  World w;
  w.link->pause(true);
  w.say("wait");
  for (int i = 0; i < 50; ++i) w.loop.turn();
  CHECK(w.owner.offers.empty());
  w.link->pause(false);
  CHECK(w.until([&] { return w.text() == "wait"; }));
  w.link->pause(true);
  reset(w.far);
  CHECK(w.until([&] { return w.owner.story == "down "; }));
  CHECK(w.owner.end.cause == Cause::peer_reset);
  CHECK(w.owner.end.text.find("127.0.0.2:") != std::string::npos);
}

TEST_CASE("after a FIN each way a link waits in peace") {
  World w;
  w.link->send_eof();
  shutdown(w.far.get(), SHUT_WR);
  REQUIRE(w.until([&] { return w.owner.story == "eof "; }));
  // A poller that spins would take all the time there is; one that waits takes none.
  Timer timer(w.loop, [&] { w.loop.stop(); });
  timer.start(Milliseconds(200));
  const std::clock_t before = std::clock();
  w.loop.run();
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 10);
  CHECK(w.owner.story == "eof ");
  w.link->close();
  CHECK(w.until([&] { return w.closing.count() == 0; }));
}

TEST_CASE("what the far end sent before its reset is still delivered") {
  World w(unix_ends());
  CHECK(w.link->send(bytes_of("never read")) == 10);
  w.say("last words");
  w.far.reset();  // unread input makes it a reset
  CHECK(w.until([&] { return w.owner.story.find("down") != std::string::npos; }));
  CHECK(w.text() == "last words");
  CHECK(w.owner.end.cause == Cause::peer_reset);
}

TEST_CASE("a reset after a FIN: first the end of the stream, then the end of the link") {
  World w;
  w.say("all");
  shutdown(w.far.get(), SHUT_WR);
  REQUIRE(w.until([&] { return w.owner.story == "eof "; }));
  reset(w.far);
  CHECK(w.until([&] { return w.owner.story == "eof down "; }));
  CHECK(w.text() == "all");
  CHECK(w.owner.end.cause == Cause::peer_reset);
}

TEST_CASE(
    "a far end that has gone silent ends by user_timeout, not as a FIN, and says what is lost") {
  World w(keyed_ends(key_of("one key")));
  const int timeout = 300;
  REQUIRE(setsockopt(w.link->fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout) == 0);
  // To an end with another key all that we send is forged.
  REQUIRE(tcp_auth::set_key(w.far.get(), prefix("127.0.0.1"), key_of("another")));
  CHECK(w.link->send(bytes_of("unheard")) == 7);
  w.link->send_eof();
  REQUIRE(w.until([&] { return !w.owner.story.empty(); }));
  CHECK(w.owner.story == "down ");
  CHECK(w.owner.end.cause == Cause::user_timeout);
  CHECK(w.owner.end.unsent == 7);
}

TEST_CASE("a write error is told on a later turn, once") {
  World w;
  reset(w.far);
  // Until the reset has arrived; the poller has not been asked meanwhile.
  pollfd broken{w.link->fd(), 0, 0};
  REQUIRE(poll(&broken, 1, 5000) == 1);
  CHECK(w.link->send(bytes_of("x")) == 0);
  CHECK(w.owner.story.empty());
  CHECK(w.until([&] { return w.owner.story == "down "; }));
  CHECK(w.owner.end.cause == Cause::peer_reset);
  CHECK(w.link->send(bytes_of("x")) == 0);
  for (int i = 0; i < 50; ++i) w.loop.turn();
  CHECK(w.owner.story == "down ");
}

TEST_CASE("abort is a reset; close delivers what is queued, then FIN, and the socket lingers") {
  World gone;
  gone.link->abort();
  char byte;
  CHECK(recv(gone.far.get(), &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);
  for (int i = 0; i < 50; ++i) gone.loop.turn();
  CHECK(gone.owner.story.empty());

  for (const bool tcp : {true, false}) {
    World w(tcp ? tcp_ends() : unix_ends(), 8 << 20);
    const auto bytes = random_bytes(8 << 20, 3);
    REQUIRE(w.link->send(bytes) == bytes.size());
    CHECK(w.link->queued() > 0);
    w.say("unread, which must not make a reset of the FIN");
    w.link->close();
    CHECK(w.closing.count() == 1);
    w.link.reset();
    CHECK(w.hear() == bytes);
    CHECK(w.until([&] { return w.closing.count() == 0; }));
    int error = w.heard_error;
    socklen_t size = sizeof error;
    if (error == 0) getsockopt(w.far.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    CHECK(error == 0);
    CHECK(w.owner.story.empty());
  }
}

TEST_CASE(
    "a keyed link is reset with a signature, and its key stays until the FIN is acknowledged") {
  const Key key = key_of("one key");
  World aborted(keyed_ends(key));
  aborted.link->abort();
  char byte;
  CHECK(recv(aborted.far.get(), &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);

  World closed(keyed_ends(key));
  CHECK(closed.link->send(bytes_of("bye")) == 3);
  closed.link->close();
  closed.link.reset();
  CHECK(closed.hear().size() == 3);
  CHECK(closed.until([&] { return closed.closing.count() == 0; }));

  // The far end is deaf (its key is another now): the socket is kept, with the key, but not for
  // ever.
  World deaf(keyed_ends(key));
  REQUIRE(tcp_auth::set_key(deaf.far.get(), prefix("127.0.0.1"), key_of("another")));
  deaf.link->close();
  for (int i = 0; i < 50; ++i) deaf.loop.turn();
  CHECK(deaf.closing.count() == 1);
  CHECK(deaf.until([&] { return deaf.closing.count() == 0; }));
}

TEST_CASE("a far end that reads slowly gets all that was queued when the link was closed") {
  World w(tcp_ends(), 16 << 20);
  const auto bytes = random_bytes(16 << 20, 4);
  REQUIRE(w.link->send(bytes) == bytes.size());
  w.link->close();
  // It pauses for longer than a FIN would be waited for.
  const auto end = w.loop.now() + std::chrono::milliseconds(2500);
  while (w.loop.now() < end) {
    w.loop.turn();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(w.closing.count() == 1);
  CHECK(w.hear() == bytes);
  CHECK(w.until([&] { return w.closing.count() == 0; }));
}

TEST_CASE("the sockets of one owner can be found while they are closing") {
  World w(tcp_ends(), 16 << 20);
  REQUIRE(w.link->send(random_bytes(16 << 20, 4)) == 16 << 20);
  w.link->belongs_to(&w);
  w.link->close();
  int found = 0;
  w.closing.each(&w, [&](int fd) { found += fd >= 0; });
  w.closing.each(&found, [&](int) { found += 100; });
  CHECK(found == 1);
}

TEST_CASE("in a hurry closing gives up on a far end that never reads, with a reset") {
  World w(tcp_ends(), 16 << 20);
  const auto bytes = random_bytes(16 << 20, 4);
  REQUIRE(w.link->send(bytes) == bytes.size());
  w.link->close();
  w.closing.hurry();
  REQUIRE(w.until([&] { return w.closing.count() == 0; }));
  CHECK(w.hear().size() < bytes.size());
  CHECK(w.heard_error == ECONNRESET);
}

TEST_CASE("close and abort inside every event") {
  for (const bool abort : {true, false}) {
    auto end = [&](Link& link) { abort ? link.abort() : link.close(); };
    World data;
    data.owner.take = [&](Link& link, auto bytes) {
      end(link);
      return bytes.size();
    };
    data.say("x");
    REQUIRE(data.until([&] { return !data.owner.offers.empty(); }));
    data.link.reset();

    World eof;
    eof.owner.on_eof = end;
    shutdown(eof.far.get(), SHUT_WR);
    REQUIRE(eof.until([&] { return eof.owner.story == "eof "; }));
    eof.link.reset();

    World room(tcp_ends(), 1000);
    room.owner.on_writable = end;
    const auto bytes = random_bytes(8 << 20, 5);
    REQUIRE(room.link->send(bytes) < bytes.size());
    std::uint8_t sink[65536];
    REQUIRE(room.until([&] {
      (void)!recv(room.far.get(), sink, sizeof sink, MSG_DONTWAIT);
      return room.owner.story == "writable ";
    }));
    room.link.reset();
  }
}

TEST_CASE("random chunks, random appetites: two links pass a stream on unchanged, both ways") {
  std::mt19937 random(7);
  for (int round = 0; round < 6; ++round) {
    const bool tcp = round % 2 == 0;
    World left(tcp ? tcp_ends() : unix_ends(), 1 + random() % 100000);
    Ends ends = tcp ? unix_ends() : tcp_ends();
    Owner right_owner;
    auto right = Link::open(left.loop, left.closing, {std::move(ends.ours)}, 1 + random() % 100000,
                            &right_owner);
    REQUIRE(right);
    Link *a = left.link.get(), *b = right->get();
    auto relay = [&](Owner& from, Link& own, Link& other) {
      from.take = [&](Link&, std::span<const std::uint8_t> bytes) {
        return other.send(bytes.first(std::min<std::size_t>(bytes.size(), random() % 70000)));
      };
      from.on_eof = [&](Link&) {
        if (own.held() == 0) other.send_eof();
      };
    };
    relay(left.owner, *a, *b);
    relay(right_owner, *b, *a);

    auto feed = [](const Fd& fd, const std::vector<std::uint8_t>& bytes, unsigned seed) {
      std::mt19937 sizes(seed);
      for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t n = std::min<std::size_t>(bytes.size() - at, 1 + sizes() % 50000);
        const ssize_t sent = send(fd.get(), bytes.data() + at, n, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += static_cast<std::size_t>(sent);
      }
      shutdown(fd.get(), SHUT_WR);
    };
    auto drink = [](const Fd& fd, std::vector<std::uint8_t>& all) {
      std::uint8_t buffer[30000];
      ssize_t n = 0;
      while ((n = recv(fd.get(), buffer, sizeof buffer, 0)) > 0)
        all.insert(all.end(), buffer, buffer + n);
    };
    const auto to_right = random_bytes(3 << 20, random()),
               to_left = random_bytes(2 << 20, random());
    std::vector<std::uint8_t> at_right, at_left;
    std::atomic<int> finished{0};
    std::vector<std::thread> threads;
    threads.emplace_back([&] { feed(left.far, to_right, 1); });
    threads.emplace_back([&] { feed(ends.far, to_left, 2); });
    threads.emplace_back([&] {
      drink(ends.far, at_right);
      ++finished;
    });
    threads.emplace_back([&] {
      drink(left.far, at_left);
      ++finished;
    });
    const bool complete = turn_until(left.loop, [&] {
      for (auto [from, to] : {std::pair(a, b), std::pair(b, a)}) {
        from->offer();
        if (from->eof_received() && from->held() == 0 && !to->eof_sent()) to->send_eof();
      }
      return finished == 2;
    });
    if (!complete) {
      a->abort();
      b->abort();
    }
    for (auto& thread : threads) thread.join();
    CHECK(complete);
    CHECK(at_right == to_right);
    CHECK(at_left == to_left);
  }
}

TEST_CASE("a link is lent only at rest, and goes on where the mover stopped") {
  World w;
  w.owner.take = [](Link&, auto) { return std::size_t{0}; };
  w.say("x");
  REQUIRE(w.until([&] { return w.link->held() == 1; }));
  CHECK_FALSE(w.link->lend());
  w.owner.take = nullptr;
  w.link->offer();
  const auto fd = w.link->lend();
  REQUIRE(fd);
  CHECK(*fd == w.link->fd());
  w.say("for the mover");
  for (int i = 0; i < 50; ++i) w.loop.turn();
  CHECK(w.text() == "x");
  CHECK_FALSE(w.link->lend());
  w.link->add_bytes(5, 6);
  w.link->take_back(false, false);
  CHECK(w.until([&] { return w.text() == "xfor the mover"; }));
  CHECK(w.link->bytes_in() == 14 + 5);
  CHECK(w.link->bytes_out() == 6);

  REQUIRE(w.link->lend());
  shutdown(w.link->fd(), SHUT_WR);  // as a mover passes a FIN on
  w.link->take_back(false, true);
  CHECK(w.link->eof_sent());
  CHECK(w.link->send(bytes_of("x")) == 0);
  CHECK(w.hear().empty());

  World broken;
  REQUIRE(broken.link->lend());
  broken.link->take_back(false, false, ECONNRESET);
  CHECK(broken.owner.story.empty());
  CHECK(broken.until([&] { return broken.owner.story == "down "; }));
  CHECK(broken.owner.end.cause == Cause::peer_reset);

  for (const bool abort : {true, false}) {
    World ended;
    REQUIRE(ended.link->lend());
    abort ? ended.link->abort() : ended.link->close();
    char byte;
    CHECK(recv(ended.far.get(), &byte, 1, 0) == (abort ? -1 : 0));
    ended.link->take_back(false, false);
    if (abort) CHECK(ended.closing.count() == 0);
    CHECK(ended.until([&] { return ended.closing.count() == 0; }));  // once its FIN is acknowledged
    CHECK(ended.owner.story.empty());
  }
}

}  // namespace peerhold
