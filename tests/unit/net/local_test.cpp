// The local side of net: UNIX listeners, who is at the other end, descriptors that run out, options
// as the kernel has them, addresses that come.
#include <grp.h>
#include <linux/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "net/addresses.hpp"
#include "net/dialer.hpp"
#include "net/link_blocks.hpp"
#include "net/listener.hpp"
#include "net/peer_user.hpp"
#include "sockets.hpp"

namespace peerhold {
namespace {

struct Directory {
  std::string path;
  Directory() {
    char name[] = "/tmp/peerhold.XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Endpoint socket(const std::string& name) const {
    return *Endpoint::parse("unix:" + path + "/" + name);
  }
};

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}

}  // namespace

TEST_CASE(
    "a UNIX listener: takes over a dead socket, never a live one nor a file, leaves nothing") {
  Loop loop;
  const Directory dir;
  const Endpoint at = dir.socket("app");
  int accepted = 0;
  auto open = [&](const Endpoint& where) {
    return Listener::open(loop, where, {}, false, [&](auto) { ++accepted; });
  };
  {
    auto first = open(at);
    REQUIRE(first);
    auto second = open(at);
    REQUIRE_FALSE(second);
    CHECK(second.error().text.find("another program listens") != std::string::npos);
    bool done = false;
    DialRequest request;
    request.to = at;
    auto dialer =
        Dialer::start(loop, request, [&](Result<Connected> fd) { done = fd.has_value(); });
    CHECK(turn_until(loop, [&] { return done && accepted > 0; }));
  }
  CHECK_FALSE(std::filesystem::exists(at.path));

  {
    const Fd dead(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_storage address{};
    const auto length = at.to_sockaddr(address);
    REQUIRE(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0);
  }
  REQUIRE(std::filesystem::exists(at.path));
  CHECK(open(at));

  std::ofstream(dir.path + "/file") << "precious";
  auto refused = open(dir.socket("file"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().cause == Cause::resource);
  CHECK(std::filesystem::file_size(dir.path + "/file") == 8);
  CHECK_FALSE(open(dir.socket("no/such/directory")));

  // Somebody else's socket that has taken the name meanwhile is not removed.
  auto ours = open(at);
  REQUIRE(ours);
  std::filesystem::remove(at.path);
  auto theirs = open(at);
  REQUIRE(theirs);
  ours->reset();
  CHECK(std::filesystem::exists(at.path));
}

TEST_CASE("a UNIX dial waits for room in the queue, but not for ever") {
  Loop loop;
  const Directory dir;
  const Endpoint at = dir.socket("full");
  const Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage address{};
  const auto length = at.to_sockaddr(address);
  REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0);
  REQUIRE(listen(listener.get(), 0) == 0);
  const Fd first(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(connect(first.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0);
  DialRequest request;
  request.to = at;
  request.timeout = Milliseconds(200);
  int done = 0;
  Cause cause = Cause::internal;
  auto in_vain = Dialer::start(loop, request, [&](Result<Connected> fd) {
    ++done;
    REQUIRE_FALSE(fd);
    cause = fd.error().cause;
  });
  REQUIRE(turn_until(loop, [&] { return done == 1; }));
  CHECK(cause == Cause::connect_timeout);
  request.timeout = Milliseconds(5000);
  bool connected = false;
  auto patient =
      Dialer::start(loop, request, [&](Result<Connected> fd) { connected = fd.has_value(); });
  for (int i = 0; i < 10; ++i) loop.turn();
  CHECK_FALSE(connected);
  const Fd taken(accept(listener.get(), nullptr, nullptr));
  CHECK(turn_until(loop, [&] { return connected; }));
}

TEST_CASE("a source port that is in use or lingers is named as what is in the way") {
  Loop loop;
  const Fd listener = bound(endpoint("127.0.0.1"));
  REQUIRE(listen(listener.get(), 8) == 0);
  DialRequest request;
  request.to = local_endpoint(listener.get());
  const auto dial = [&] {
    std::optional<Result<Connected>> got;
    auto dialer = Dialer::start(loop, request, [&](Result<Connected> fd) { got = std::move(fd); });
    REQUIRE(turn_until(loop, [&] { return got.has_value(); }));
    return std::move(*got);
  };
  request.from = endpoint("127.0.0.3:20555");
  const Result<Connected> first = dial();
  REQUIRE(first);
  CHECK(first->local.endpoint() == local_endpoint(first->fd.get()));
  CHECK(first->remote.endpoint() == remote_endpoint(first->fd.get()));
  const Result<Connected> second = dial();
  REQUIRE_FALSE(second);
  CHECK(second.error().cause == Cause::resource);
  INFO(second.error().text);
  CHECK(second.error().text.find("from source 127.0.0.3:20555") != std::string::npos);
  CHECK(second.error().text.find("give source without a port") != std::string::npos);
  request.from->port = 0;  // the remedy
  CHECK(dial());
}

TEST_CASE("out of descriptors: a listener neither spins nor forgets who waits") {
  Loop loop;
  int owner = 0;
  std::vector<Listener::Accepted> accepted;
  auto listener = *Listener::open(loop, endpoint("127.0.0.1"), {}, false,
                                  [&](auto taken) { accepted.push_back(std::move(taken)); });
  REQUIRE(listener->set_claims({{prefix("127.0.0.0/8"), nullptr, false, &owner}}));
  const Fd client = bound(endpoint("127.0.0.2"));
  REQUIRE(connect_to(client, listener->at()));
  rlimit before{}, none{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 3;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  Timer timer(loop, [&] { loop.stop(); });
  timer.start(Milliseconds(300));
  const std::clock_t start = std::clock();
  loop.run();
  const std::clock_t spent = std::clock() - start;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(accepted.empty());
  CHECK(spent < CLOCKS_PER_SEC / 10);  // spinning would take all of the 300 ms
  CHECK(turn_until(loop, [&] { return accepted.size() == 1; }));
}

TEST_CASE("a paused listener takes nobody, a listener may go in its own callback") {
  Loop loop;
  int owner = 0, accepted = 0;
  std::unique_ptr<Listener> listener;
  listener = *Listener::open(loop, endpoint("127.0.0.1"), {}, false, [&](auto) {
    ++accepted;
    listener.reset();
  });
  REQUIRE(listener->set_claims({{prefix("127.0.0.0/8"), nullptr, false, &owner}}));
  const Endpoint at = listener->at();
  const Fd one = bound(endpoint("127.0.0.2")), two = bound(endpoint("127.0.0.3"));
  REQUIRE(connect_to(one, at));
  REQUIRE(connect_to(two, at));
  listener->pause(true);
  for (int i = 0; i < 50; ++i) loop.turn();
  CHECK(accepted == 0);
  listener->pause(false);
  CHECK(turn_until(loop, [&] { return accepted == 1; }));
  for (int i = 0; i < 50; ++i) loop.turn();
  CHECK(accepted == 1);
  const Fd late = bound(endpoint("127.0.0.2"));
  CHECK_FALSE(connect_to(late, at));
}

TEST_CASE("who is at the other end") {
  Ends local = unix_ends();
  auto user = peer_user(local.ours.get());
  REQUIRE(user);
  CHECK(user->uid == getuid());
  CHECK(user->gid == getgid());
  CHECK(user->pid == getpid());
  CHECK(std::find(user->groups.begin(), user->groups.end(), getgid()) != user->groups.end());

  // A process of another user connects; the pipe holds it until it has been looked at.
  struct Where {
    const char *listen, *dial;
  };
  for (const Where where : {Where{"127.0.0.1", "127.0.0.1"}, Where{"::1", "::1"},
                            Where{"::", "127.0.0.1"}, Where{"127.0.0.9", "127.0.0.9"}}) {
    INFO(std::string(where.dial));
    const Fd listener = bound(endpoint(where.listen));
    REQUIRE(listen(listener.get(), 1) == 0);
    Endpoint to = endpoint(where.dial);
    to.port = local_endpoint(listener.get()).port;
    int hold[2];
    REQUIRE(pipe(hold) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(hold[1]);
      if (setgid(4243) != 0 || setuid(4242) != 0) _exit(1);
      const Fd fd(socket(to.address.family == 4 ? AF_INET : AF_INET6, SOCK_STREAM, 0));
      char byte;
      if (!connect_to(fd, to) || read(hold[0], &byte, 1) != 0) _exit(1);
      _exit(0);
    }
    close(hold[0]);
    const Fd peer(accept(listener.get(), nullptr, nullptr));
    auto found = peer_user(peer.get());
    CHECK(found);
    if (found) CHECK(found->uid == 4242);
    close(hold[1]);
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    // The other end is gone: nobody's, above all not root's.
    char byte;
    CHECK(recv(peer.get(), &byte, 1, 0) == 0);
    auto gone = peer_user(peer.get());
    REQUIRE_FALSE(gone);
    CHECK(gone.error().text.find("cannot tell which user") != std::string::npos);
  }
}

TEST_CASE("options stand on the socket as the configuration has them, and go when they go") {
  for (const bool six : {false, true}) {
    const Fd fd(socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int family = six ? 6 : 4;
    Transport t;
    t.ttl_security_hops = 2;
    t.user_timeout = Milliseconds(120000);
    t.keepalive = Milliseconds(30000);
    t.dscp = 48;
    t.mss = 1400;
    t.freebind = true;
    REQUIRE(prepare_socket(fd.get(), family, t));
    REQUIRE(apply_live(fd.get(), t, true));
    CHECK(option(fd.get(), IPPROTO_TCP, TCP_NODELAY) == 1);
    CHECK(option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 120000);
    CHECK(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE) == 1);
    CHECK(option(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE) == 30);
    CHECK(option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL) == 30);
    CHECK(option(fd.get(), IPPROTO_TCP, TCP_KEEPCNT) == 3);
    CHECK(option(fd.get(), IPPROTO_IP, IP_TOS) == 0xc0);
    CHECK(option(fd.get(), IPPROTO_IP, IP_TTL) == 255);
    CHECK(option(fd.get(), IPPROTO_IP, IP_MINTTL) == 254);
    CHECK(option(fd.get(), IPPROTO_IP, IP_FREEBIND) == 1);
    if (six) {
      CHECK(option(fd.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS) == 255);
      CHECK(option(fd.get(), IPPROTO_IPV6, IPV6_MINHOPCOUNT) == 254);
      CHECK(option(fd.get(), IPPROTO_IPV6, IPV6_TCLASS) == 0xc0);
    }
    char name[16] = {};
    socklen_t size = sizeof name;
    REQUIRE(getsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0);
    CHECK((std::string(name) == "cubic" || std::string(name) == "reno"));

    REQUIRE(apply_live(fd.get(), {}, true));
    CHECK(option(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
    CHECK(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE) == 0);
    CHECK(option(fd.get(), IPPROTO_IP, IP_TOS) == 0);
    CHECK(option(fd.get(), IPPROTO_IP, IP_MINTTL) == 0);
    CHECK(option(fd.get(), IPPROTO_IP, IP_TTL) < 255);
    if (six) CHECK(option(fd.get(), IPPROTO_IPV6, IPV6_MINHOPCOUNT) == 0);

    t.congestion = "nosuch";
    auto refused = apply_live(fd.get(), t, true);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.find("nosuch") != std::string::npos);
  }
}

TEST_CASE("an accepted socket has its session's options, whatever its listener's are") {
  Transport strict, loose;
  strict.ttl_security_hops = 1;
  strict.user_timeout = Milliseconds(7000);
  strict.keepalive = Milliseconds(30000);
  strict.dscp = 48;
  strict.congestion = "reno";
  for (const Transport& listeners : {strict, loose}) {
    for (const Transport& sessions : {strict, loose}) {
      const Fd listener = bound(endpoint("127.0.0.1"));
      Transport open_to_all = listeners;
      open_to_all.ttl_security_hops.reset();  // the handshake of this test comes with a TTL of 64
      REQUIRE(apply_live(listener.get(), open_to_all, true));
      REQUIRE(listen(listener.get(), 1) == 0);
      const Fd far = bound(endpoint("127.0.0.2"));
      REQUIRE(connect_to(far, local_endpoint(listener.get())));
      const Fd ours(accept(listener.get(), nullptr, nullptr));
      REQUIRE(apply_accepted(ours.get(), sessions, true, open_to_all));
      const bool is_strict = sessions == strict;
      CHECK(option(ours.get(), IPPROTO_IP, IP_MINTTL) == (is_strict ? 255 : 0));
      CHECK(option(ours.get(), IPPROTO_TCP, TCP_USER_TIMEOUT) == (is_strict ? 7000 : 0));
      CHECK(option(ours.get(), SOL_SOCKET, SO_KEEPALIVE) == (is_strict ? 1 : 0));
      if (is_strict) CHECK(option(ours.get(), IPPROTO_TCP, TCP_KEEPIDLE) == 30);
      CHECK(option(ours.get(), IPPROTO_IP, IP_TOS) == (is_strict ? 0xc0 : 0));
      char name[16] = {};
      socklen_t size = sizeof name;
      REQUIRE(getsockopt(ours.get(), IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0);
      if (is_strict) CHECK(std::string(name) == "reno");
    }
  }
}

TEST_CASE("an address that comes is told, many changes once") {
  Loop loop;
  int changes = 0;
  auto watch = AddressWatch::open(loop, [&] { ++changes; });
  REQUIRE(watch);
  for (int i = 0; i < 20; ++i) loop.turn();
  CHECK(changes == 0);
  REQUIRE(std::system("ip address add 192.0.2.1/32 dev lo && ip address add 192.0.2.2/32 dev lo && "
                      "ip address del 192.0.2.1/32 dev lo") == 0);
  REQUIRE(turn_until(loop, [&] { return changes > 0; }));
  CHECK(changes == 1);
}

TEST_CASE("a block keeps bytes in order and owns nothing when empty") {
  static_assert(sizeof(Block) == sizeof(void*));
  std::mt19937 random(1);
  std::vector<std::uint8_t> model;
  Block block;
  const auto bytes = random_bytes(5000, 2);
  for (int i = 0; i < 20000; ++i) {
    if (random() % 2) {
      const auto more = std::span(bytes).first(random() % 5000);
      block.append(more);
      model.insert(model.end(), more.begin(), more.end());
    } else {
      const std::size_t n = random() % 6000;
      block.drop(n);
      model.erase(model.begin(),
                  model.begin() + static_cast<std::ptrdiff_t>(std::min(n, model.size())));
    }
    REQUIRE(block.size() == model.size());
    REQUIRE(block.empty() == model.empty());
    if (i % 50 == 0) REQUIRE(std::equal(model.begin(), model.end(), block.bytes().begin()));
  }
}

}  // namespace peerhold
