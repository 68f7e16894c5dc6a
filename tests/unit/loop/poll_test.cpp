// Poll on real sockets: what the kernel reports reaches the target once and in a form to act on.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "base/endpoint.hpp"
#include "base/fd.hpp"
#include "turning.hpp"

namespace peerhold {
namespace {

using namespace std::chrono_literals;

struct Ear final : Poll::Target {
  void ready(unsigned events, bool broken_now) override {
    ++calls;
    last = events;
    if (broken_now) ++broken;
    if (then) then();
  }
  int calls = 0, broken = 0;
  unsigned last = 0;
  std::function<void()> then;
};

struct Pair {
  Fd ours, theirs;
};

Pair tcp() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage sa;
  const auto any = Endpoint::parse_address_or_endpoint("127.0.0.1")->to_sockaddr(sa);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&sa), *any) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const auto len = local_endpoint(listener.get()).to_sockaddr(sa);
  Pair pair;
  pair.ours = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(pair.ours.get(), reinterpret_cast<sockaddr*>(&sa), *len) == 0);
  pair.theirs = Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(pair.theirs);
  return pair;
}

void reset_by(Fd& fd) {
  const linger now{1, 0};
  REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  fd.reset();
}

Poll opened(Loop& loop, const Fd& fd, Ear& ear) {
  auto poll = Poll::open(loop, fd.get(), &ear, 0);
  REQUIRE(poll);
  return std::move(*poll);
}

// Enough turns for whatever would spin to be seen.
void turn_on(Loop& loop) {
  for (int i = 0; i < 50; ++i) loop.turn();
}

TEST_CASE("readable, writable, and silence after want(0)") {
  Loop loop;
  Pair pair = tcp();
  Ear ear;
  Poll poll = opened(loop, pair.ours, ear);
  turn_on(loop);
  CHECK(ear.calls == 0);  // nothing was asked for

  poll.want(Poll::readable | Poll::writable);
  CHECK(poll.wanted() == (Poll::readable | Poll::writable));
  CHECK(turn_until(loop, [&] { return ear.calls > 0; }));
  CHECK(ear.last == Poll::writable);

  poll.want(Poll::readable);
  ear.calls = 0;
  turn_on(loop);
  CHECK(ear.calls == 0);
  REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
  CHECK(turn_until(loop, [&] { return ear.calls > 0; }));
  CHECK(ear.last == Poll::readable);

  poll.want(0);
  ear.calls = 0;
  turn_on(loop);
  CHECK(ear.calls == 0);
  CHECK(ear.broken == 0);
}

TEST_CASE(
    "a reset breaks the poller once, whatever was wanted, and data stays readable until then") {
  for (const unsigned wanted :
       {unsigned{Poll::readable}, unsigned{Poll::writable}, unsigned{Poll::errors},
        unsigned{Poll::readable} | unsigned{Poll::writable}}) {
    CAPTURE(wanted);
    Loop loop;
    Pair pair = tcp();
    Ear ear;
    Poll poll = opened(loop, pair.ours, ear);
    poll.want(wanted);
    reset_by(pair.theirs);
    CHECK(turn_until(loop, [&] { return ear.broken == 1; }));
    CHECK(poll.wanted() == 0);
    const int calls = ear.calls;
    turn_on(loop);
    CHECK(ear.calls == calls);
    int error = 0;
    socklen_t len = sizeof error;
    REQUIRE(::getsockopt(pair.ours.get(), SOL_SOCKET, SO_ERROR, &error, &len) == 0);
    CHECK(error == ECONNRESET);  // ours to take
  }
}

TEST_CASE("a refused connect breaks the poller") {
  Loop loop;
  sockaddr_storage sa;
  socklen_t len = 0;
  {
    Pair pair = tcp();
    len = *local_endpoint(pair.ours.get()).to_sockaddr(sa);
    reset_by(pair.theirs);
  }
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&sa), len) == -1);
  REQUIRE(errno == EINPROGRESS);
  Ear ear;
  Poll poll = opened(loop, fd, ear);
  poll.want(Poll::writable);
  CHECK(turn_until(loop, [&] { return ear.broken == 1; }));
}

TEST_CASE("an error without a hang-up breaks who waits for errors only") {
  Loop loop;
  sockaddr_storage sa;
  auto len = Endpoint::parse_address_or_endpoint("127.0.0.1")->to_sockaddr(sa);
  {
    const Fd gone(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(gone.get(), reinterpret_cast<sockaddr*>(&sa), *len) == 0);
    len = local_endpoint(gone.get()).to_sockaddr(sa);
  }
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&sa), *len) == 0);
  Ear ear;
  Poll poll = opened(loop, fd, ear);
  poll.want(Poll::errors);
  REQUIRE(::send(fd.get(), "x", 1, 0) == 1);  // ICMP: nobody there
  CHECK(turn_until(loop, [&] { return ear.broken == 1; }));
  turn_on(loop);
  CHECK(ear.calls == 1);
}

TEST_CASE("a FIN is an ordinary readable") {
  Loop loop;
  Pair pair = tcp();
  Ear ear;
  Poll poll = opened(loop, pair.ours, ear);
  poll.want(Poll::readable);
  pair.theirs.reset();
  CHECK(turn_until(loop, [&] { return ear.calls > 0; }));
  CHECK(ear.last == Poll::readable);
  CHECK(ear.broken == 0);
}

TEST_CASE("who waits for errors only hears of nothing else, and the loop does not spin") {
  Loop loop;
  Pair pair = tcp();
  Ear ear;
  Poll poll = opened(loop, pair.ours, ear);
  poll.want(Poll::errors);
  SUBCASE("data and a FIN") {
    REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
    pair.theirs.reset();
    turn_on(loop);
    CHECK(poll.wanted() == Poll::errors);
  }
  SUBCASE("a hang-up without an error: both directions have ended") {
    REQUIRE(::shutdown(pair.ours.get(), SHUT_WR) == 0);
    pair.theirs.reset();
    CHECK(turn_until(loop, [&] { return poll.wanted() == 0; }));
  }
  SUBCASE("urgent data") {
    REQUIRE(::send(pair.theirs.get(), "!", 1, MSG_OOB) == 1);
    turn_on(loop);
    CHECK(poll.wanted() == Poll::errors);
  }
  turn_on(loop);
  CHECK(ear.calls == 0);
  poll.want(Poll::readable);  // and goes on when asked to
  REQUIRE((pair.theirs ? ::write(pair.theirs.get(), "y", 1) : 1) == 1);
  CHECK(turn_until(loop, [&] { return ear.calls > 0; }));
  CHECK(ear.broken == 0);
}

TEST_CASE("a poller may go inside its own callback, with its fd") {
  Loop loop;
  Pair pair = tcp();
  Ear ear;
  Poll poll = opened(loop, pair.ours, ear);
  SUBCASE("on data") {
    REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
  }
  SUBCASE("on an error") {
    reset_by(pair.theirs);
  }
  poll.want(Poll::readable);
  ear.then = [&] {
    poll.close();
    pair.ours.reset();
  };
  CHECK(turn_until(loop, [&] { return !poll; }));
  turn_on(loop);
  CHECK(ear.calls == 1);
}

TEST_CASE(
    "a closed poller is silent though another process holds its socket, and a number is used "
    "again") {
  Loop loop;
  Pair pair = tcp();
  const Fd duplicate(::dup(pair.ours.get()));  // keeps the old epoll entry alive if it was left
  const int number = pair.ours.get();
  Ear old_ear, new_ear;
  Poll poll = opened(loop, pair.ours, old_ear);
  poll.want(Poll::readable);
  loop.turn();
  poll.close();
  pair.ours.reset();
  Pair next = tcp();
  const Fd same_number(::dup3(next.ours.get(), number, O_CLOEXEC));
  REQUIRE(same_number.get() == number);
  Poll again = opened(loop, same_number, new_ear);
  again.want(Poll::readable);
  REQUIRE(::write(pair.theirs.get(), "x", 1) == 1);
  turn_on(loop);
  CHECK(old_ear.calls == 0);
  CHECK(new_ear.calls == 0);
  REQUIRE(::write(next.theirs.get(), "x", 1) == 1);
  CHECK(turn_until(loop, [&] { return new_ear.calls > 0; }));
}

TEST_CASE("what cannot be polled is an error in words") {
  Loop loop;
  Ear ear;
  const auto none = Poll::open(loop, -1, &ear, Poll::readable);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == EBADF);
}

TEST_CASE("the loop goes on as long as somebody waits for a descriptor") {
  Loop loop;
  Pair pair = tcp();
  Ear ear;
  Poll poll = opened(loop, pair.ours, ear);
  CHECK_FALSE(loop.turn());
  poll.want(Poll::readable);
  CHECK(loop.turn());
  poll.want(Poll::errors);
  CHECK(loop.turn());
  poll.want(0);
  CHECK_FALSE(loop.turn());
  poll.want(Poll::readable);
  poll.close();
  CHECK_FALSE(loop.turn());
}

TEST_CASE("a callback may close another poller whose event was fetched with its own") {
  Loop loop;
  Pair one = tcp(), two = tcp();
  struct Closer final : Poll::Target {
    void ready(unsigned, bool) override {
      ++calls;
      other->close();
    }
    int calls = 0;
    Poll* other = nullptr;
  } first, second;
  auto a = Poll::open(loop, one.ours.get(), &first, Poll::readable);
  auto b = Poll::open(loop, two.ours.get(), &second, Poll::readable);
  REQUIRE((a && b));
  first.other = &*b;
  second.other = &*a;
  REQUIRE(::write(one.theirs.get(), "x", 1) == 1);
  REQUIRE(::write(two.theirs.get(), "x", 1) == 1);
  CHECK(turn_until(loop, [&] { return first.calls + second.calls > 0; }));
  CHECK(first.calls + second.calls == 1);
}

}  // namespace
}  // namespace peerhold
