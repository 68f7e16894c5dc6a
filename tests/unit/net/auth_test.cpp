// Who gets a connection and who meets silence: dialer and listener with keys, on real sockets
// across two addresses (with both ends on one address a key for the wrong end goes unnoticed).
#include <cstdlib>
#include <fstream>

#include "net/counters.hpp"
#include "net/dialer.hpp"
#include "net/listener.hpp"
#include "net/route.hpp"
#include "net/tcp_auth.hpp"
#include "sockets.hpp"

namespace peerhold {
namespace {

constexpr Milliseconds silence_shows_after{400};
// What the kernel drops is counted from the second SYN on, which comes after a second.
constexpr Milliseconds drops_are_counted{1500};

struct Attempt {
  std::unique_ptr<Dialer> dialer;
  bool done = false;
  Fd fd;
  Error error;
};

struct World {
  Loop loop;
  std::vector<Listener::Accepted> accepted;
  std::unique_ptr<Listener> listener;
  int me = 0;  // an owner to hand out

  Result<void> listen(std::string_view at, bool keyed, std::vector<Claim> claims,
                      const Transport& transport = {}) {
    auto opened = Listener::open(loop, endpoint(at), transport, keyed,
                                 [this](auto taken) { accepted.push_back(std::move(taken)); });
    REQUIRE(opened);
    listener = std::move(*opened);
    return listener->set_claims(std::move(claims));
  }

  Claim claim(std::string_view who, const Key* key, void* owner = nullptr) {
    return {prefix(who), key, false, owner ? owner : &me};
  }

  std::unique_ptr<Attempt> start(std::string_view from, const Key* key,
                                 Milliseconds timeout = Milliseconds(5000),
                                 const Transport& transport = {}) {
    auto attempt = std::make_unique<Attempt>();
    DialRequest request;
    request.to = listener->at();
    if (request.to.address.is_any())
      request.to.address = endpoint(from.find(':') == from.npos ? "127.0.0.1" : "fd00::1").address;
    request.from = endpoint(from);
    request.key = key;
    request.timeout = timeout;
    request.transport = transport;
    attempt->dialer = Dialer::start(loop, request, [a = attempt.get()](Result<Connected> result) {
      a->done = true;
      if (result)
        a->fd = std::move(result->fd);
      else
        a->error = std::move(result).error();
    });
    CHECK_FALSE(attempt->done);
    return attempt;
  }

  // Whether a connection stands and carries a byte each way.
  bool connects(std::string_view from, const Key* key) {
    accepted.clear();
    auto attempt = start(from, key);
    if (!turn_until(loop, [&] { return attempt->done && (!attempt->fd || !accepted.empty()); }))
      return false;
    if (!attempt->fd) return false;
    CHECK(accepted[0].remote.address == endpoint(from).address);
    const Connected& there = accepted[0].connected;
    CHECK(there.remote.endpoint() == remote_endpoint(there.fd.get()));
    // Of a listener at every address the link asks when it is wanted.
    CHECK((!there.local || there.local.endpoint() == local_endpoint(there.fd.get())));
    return carries(attempt->fd, accepted[0].connected.fd) &&
           carries(accepted[0].connected.fd, attempt->fd);
  }

  bool carries(const Fd& from, const Fd& to) {
    char byte = 'x';
    if (send(from.get(), &byte, 1, MSG_NOSIGNAL) != 1) return false;
    return turn_until(loop, [&] { return recv(to.get(), &byte, 1, MSG_DONTWAIT) == 1; });
  }

  // What the dialler says after silence; fails the test when it was anything else.
  std::string meets_silence(std::string_view from, const Key* key, const Transport& t = {},
                            Milliseconds timeout = silence_shows_after) {
    const auto before = listener->counters();
    auto attempt = start(from, key, timeout, t);
    CHECK(turn_until(loop, [&] { return attempt->done; }));
    CHECK_MESSAGE(!attempt->fd, from, " got in");
    CHECK(attempt->error.cause == Cause::connect_timeout);
    CHECK(listener->counters().accepted == before.accepted);
    CHECK(listener->counters().unclaimed == before.unclaimed);
    return attempt->error.text;
  }
};

void add_v6_addresses() {
  REQUIRE(std::system("ip -6 address replace fd00::1/128 dev lo nodad && "
                      "ip -6 address replace fd00::2/128 dev lo nodad && "
                      "ip -6 address replace fd00::3/128 dev lo nodad") == 0);
}

}  // namespace

TEST_CASE("a signed peer connects; wrong key, no key and strangers meet silence") {
  World w;
  const Key key = key_of("one key"), other = key_of("another");
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key)}));
  CHECK(w.connects("127.0.0.2", &key));
  CHECK(w.accepted[0].owner == &w.me);

  auto before = read_auth_counters();
  const std::string text = w.meets_silence("127.0.0.2", &other, {}, drops_are_counted);
  CHECK(read_auth_counters().failure > before.failure);
  CHECK(text.find("the key is the likely cause") != text.npos);
  CHECK(text.find("no answer to our SYN in 1500ms") != text.npos);
  CHECK(text.find("127.0.0.1:") != text.npos);
  CHECK(text.find("another") == text.npos);

  before = read_auth_counters();
  w.meets_silence("127.0.0.2", nullptr);
  CHECK(read_auth_counters().not_found > before.not_found);
  w.meets_silence("127.0.0.3", &key);
  w.meets_silence("127.0.0.3", nullptr);
  CHECK(w.connects("127.0.0.2", &key));  // and all this did no harm
}

TEST_CASE("without keys the same strangers get in") {
  World w;
  REQUIRE(w.listen("127.0.0.1", false, {w.claim("127.0.0.0/8", nullptr)}));
  CHECK(w.connects("127.0.0.2", nullptr));
  CHECK(w.connects("127.0.0.3", nullptr));
  const Key key = key_of("one key");
  CHECK_FALSE(w.listener->set_claims({w.claim("127.0.0.2", &key)}));
  CHECK(w.connects("127.0.0.3", nullptr));  // the refused set changed nothing
}

TEST_CASE("an address without a claim on an unkeyed listener is closed and counted") {
  World w;
  REQUIRE(w.listen("127.0.0.1", false, {w.claim("127.0.0.2", nullptr)}));
  auto attempt = w.start("127.0.0.3", nullptr);
  REQUIRE(turn_until(w.loop, [&] { return w.listener->counters().unclaimed == 1; }));
  CHECK(w.accepted.empty());
}

TEST_CASE("a removed claim leaves no key: its peer meets silence, others and live links stay") {
  World w;
  const Key key = key_of("one key"), second = key_of("second", 2);
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key), w.claim("127.0.0.3", &second)}));
  REQUIRE(w.connects("127.0.0.2", &key));
  auto live = w.start("127.0.0.2", &key);
  w.accepted.clear();
  REQUIRE(turn_until(w.loop, [&] { return live->done && !w.accepted.empty(); }));
  const Fd child = std::move(w.accepted[0].connected.fd);

  REQUIRE(w.listener->set_claims({w.claim("127.0.0.3", &second)}));
  w.meets_silence("127.0.0.2", &key);
  w.meets_silence("127.0.0.2", nullptr);
  CHECK(w.connects("127.0.0.3", &second));
  CHECK(w.carries(live->fd, child));
  CHECK(w.carries(child, live->fd));

  // A /0 cannot simply be removed: it would take the strangers' random key with it.
  REQUIRE(w.listener->set_claims({w.claim("0.0.0.0/0", &key)}));
  CHECK(w.connects("127.0.0.9", &key));
  REQUIRE(w.listener->set_claims({}));
  w.meets_silence("127.0.0.9", &key);
  w.meets_silence("127.0.0.9", nullptr);
}

TEST_CASE("a changed key replaces the old one; a rejected set leaves the old one in place") {
  World w;
  const Key key = key_of("one key"), second = key_of("second", 2);
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key)}));
  REQUIRE(w.listener->set_claims({w.claim("127.0.0.2", &second)}));
  CHECK(w.connects("127.0.0.2", &second));
  w.meets_silence("127.0.0.2", &key);
  CHECK_FALSE(w.listener->set_claims({w.claim("127.0.0.2", &key), w.claim("127.0.0.2", &key)}));
  CHECK_FALSE(w.listener->set_claims({w.claim("127.0.0.2", nullptr)}));
  CHECK_FALSE(w.listener->set_claims({w.claim("127.0.0.2", &key), w.claim("fd00::1", &key)}));
  CHECK(w.connects("127.0.0.2", &second));
  w.meets_silence("127.0.0.2", &key);
}

TEST_CASE("of nested prefixes the longest has the key and the connection") {
  World w;
  int wide = 0, narrow = 0;
  const Key a = key_of("wide key"), b = key_of("narrow key", 2);
  REQUIRE(w.listen("127.0.0.1", true,
                   {w.claim("127.0.0.0/24", &a, &wide), w.claim("127.0.0.2", &b, &narrow)}));
  CHECK(w.connects("127.0.0.2", &b));
  CHECK(w.accepted[0].owner == &narrow);
  w.meets_silence("127.0.0.2", &a);
  CHECK(w.connects("127.0.0.9", &a));
  CHECK(w.accepted[0].owner == &wide);
  // A stale /32 would beat the prefix that replaced it.
  REQUIRE(w.listener->set_claims({w.claim("127.0.0.0/24", &a, &wide)}));
  CHECK(w.connects("127.0.0.2", &a));
}

TEST_CASE("a covered claim takes the prefix's key; the prefix's other addresses are reset") {
  World w;
  const Key key = key_of("for all of them");
  Claim covered = w.claim("127.0.1.5", nullptr);
  covered.covered = true;
  Claim whole{prefix("127.0.1.0/24"), &key, false, nullptr};
  REQUIRE(w.listen("127.0.0.1", true, {whole, covered}));
  CHECK(w.connects("127.0.1.5", &key));
  CHECK(w.accepted[0].owner == &w.me);
  const Fd other = bound(endpoint("127.0.1.6"));
  REQUIRE(tcp_auth::set_key(other.get(), prefix("127.0.0.1"), key));
  REQUIRE(connect_to(other, w.listener->at()));
  REQUIRE(turn_until(w.loop, [&] { return w.listener->counters().unclaimed == 1; }));
  char byte;
  CHECK(recv(other.get(), &byte, 1, 0) == -1);
  CHECK(errno == ECONNRESET);  // signed, or it would have been dropped
}

TEST_CASE("IPv6, and IPv4 on an IPv6 listener") {
  add_v6_addresses();
  World w;
  const Key six = key_of("six"), four = key_of("four", 2), net = key_of("net", 3);
  REQUIRE(w.listen(
      "::", true,
      {w.claim("fd00::2", &six), w.claim("127.0.0.2", &four), w.claim("127.0.2.0/24", &net)}));
  CHECK(w.connects("fd00::2", &six));
  CHECK(w.connects("127.0.0.2", &four));
  CHECK(w.accepted[0].remote.address.family == 4);
  CHECK(w.connects("127.0.2.7", &net));
  w.meets_silence("fd00::2", &four);
  w.meets_silence("fd00::3", &six);
  w.meets_silence("fd00::3", nullptr);
  w.meets_silence("127.0.0.2", &six);
  w.meets_silence("127.0.0.3", &four);
  w.meets_silence("127.0.0.3", nullptr);
  REQUIRE(w.listener->set_claims({w.claim("fd00::/64", &six)}));
  CHECK(w.connects("fd00::2", &six));
  w.meets_silence("127.0.0.2", &four);
  w.meets_silence("127.0.2.7", nullptr);

  Transport only;
  only.v6only = true;
  World v6;
  REQUIRE(v6.listen("::", true, {v6.claim("fd00::2", &six)}, only));
  CHECK(v6.connects("fd00::2", &six));
}

TEST_CASE("an accepted socket gets its claim's present key before anybody reads") {
  World w;
  const Key old_key = key_of("old key"), fresh = key_of("fresh key", 2);
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &old_key)}));
  const Fd client = bound(endpoint("127.0.0.2"));
  REQUIRE(tcp_auth::set_key(client.get(), prefix("127.0.0.1"), old_key));
  REQUIRE(connect_to(client, w.listener->at()));  // waits in the queue, with the old key
  REQUIRE(w.listener->set_claims({w.claim("127.0.0.2", &fresh)}));
  REQUIRE(turn_until(w.loop, [&] { return !w.accepted.empty(); }));
  const auto before = read_auth_counters();
  REQUIRE(send(client.get(), "x", 1, 0) == 1);
  CHECK(turn_until(w.loop, [&] { return read_auth_counters().failure > before.failure; }));
  REQUIRE(tcp_auth::set_key(client.get(), prefix("127.0.0.1"), fresh));
  char byte = 0;
  CHECK(turn_until(
      w.loop, [&] { return recv(w.accepted[0].connected.fd.get(), &byte, 1, MSG_DONTWAIT) == 1; }));
}

TEST_CASE("more keys than the socket has room for: told with the remedy, the old set stays") {
  World w;
  const Key key = key_of("one key");
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key)}));
  std::vector<Claim> many;
  const std::size_t room = tcp_auth::keys_per_socket();
  for (std::size_t i = 0; i < room; ++i) {  // one too many: the strangers' key stands there too
    Claim claim = w.claim("10.0.0.0", &key);
    claim.who.address.bytes[2] = static_cast<std::uint8_t>(i >> 8);
    claim.who.address.bytes[3] = static_cast<std::uint8_t>(i);
    many.push_back(claim);
  }
  auto full = w.listener->set_claims(many);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == ENOMEM);
  CHECK(full.error().cause == Cause::resource);
  CHECK(full.error().text.find("net.core.optmem_max") != std::string::npos);
  CHECK(w.connects("127.0.0.2", &key));
  many.pop_back();
  CHECK(w.listener->set_claims(many));  // only fits because the old one goes first
  CHECK(w.listener->set_claims({w.claim("127.0.0.2", &key)}));
  CHECK(w.connects("127.0.0.2", &key));
}

TEST_CASE("a dial changes to the right key on its way") {
  World w;
  const Key key = key_of("one key"), wrong = key_of("wrong", 2);
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key)}));
  const auto before = read_auth_counters();
  auto attempt = w.start("127.0.0.2", &wrong);
  REQUIRE(attempt->dialer->rekey(key));
  CHECK(attempt->dialer->local().address == endpoint("127.0.0.2").address);
  REQUIRE(turn_until(w.loop, [&] { return attempt->done; }));
  CHECK(attempt->fd);
  CHECK(read_auth_counters().failure > before.failure);  // the first SYN, with the wrong key
}

TEST_CASE("GTSM: a listener takes only what comes from near enough") {
  World w;
  Transport near;
  near.ttl_security_hops = 1;
  const Key key = key_of("one key");
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key)}, near));
  const auto before = read_auth_counters();
  const std::string text = w.meets_silence("127.0.0.2", &key, {}, drops_are_counted);
  CHECK(read_auth_counters().ttl_dropped > before.ttl_dropped);
  CHECK(text.find("ttl_security_hops") != text.npos);
  auto attempt = w.start("127.0.0.2", &key, Milliseconds(5000), near);
  REQUIRE(turn_until(w.loop, [&] { return attempt->done; }));
  CHECK(attempt->fd);
}

TEST_CASE("what this host lacks is told as such, on a later turn") {
  Loop loop;
  auto cause = [&](DialRequest request) {
    Cause found = Cause::internal;
    bool done = false;
    std::string text;
    auto dialer = Dialer::start(loop, request, [&](Result<Connected> result) {
      done = true;
      REQUIRE_FALSE(result);
      found = result.error().cause;
      text = result.error().text;
    });
    CHECK_FALSE(done);
    CHECK(turn_until(loop, [&] { return done; }));
    INFO(text);
    CHECK(text.size() > 20);
    return found;
  };
  DialRequest request;
  request.to = endpoint("127.0.0.1:9");
  CHECK(cause(request) == Cause::connect_refused);
  request.to = endpoint("127.0.0.1:45671");
  request.from = request.to;  // would meet itself, and take its own words for the app's
  CHECK(cause(request) == Cause::connect_refused);
  request.from = endpoint("192.0.2.77");
  CHECK(cause(request) == Cause::resource);
  request.from.reset();
  request.transport.interface = "nosuch0";
  CHECK(cause(request) == Cause::resource);
  request.transport = {};
  request.to = endpoint("198.51.100.1:179");
  CHECK(cause(request) == Cause::unreachable);
  request.to = *Endpoint::parse("unix:/run/nobody.is.here");
  CHECK(cause(request) == Cause::connect_refused);
}

TEST_CASE("who accepts and resets before the dialer looks has not refused") {
  for (const bool keyed : {true, false}) {
    CAPTURE(keyed);
    Loop loop;
    const Key key = key_of("one key");
    const Fd listener = bound(endpoint("127.0.0.1"));
    if (keyed) REQUIRE(tcp_auth::set_key(listener.get(), prefix("127.0.0.2"), key));
    REQUIRE(listen(listener.get(), 1) == 0);
    DialRequest request;
    request.to = local_endpoint(listener.get());
    request.from = endpoint("127.0.0.2");
    request.key = keyed ? &key : nullptr;
    std::optional<Error> error;
    const auto dialer = Dialer::start(loop, request, [&](Result<Connected> result) {
      REQUIRE_FALSE(result);
      error = result.error();
    });
    Fd far(accept(listener.get(), nullptr, nullptr));
    REQUIRE(far);
    const linger reset{1, 0};
    REQUIRE(setsockopt(far.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    far.reset();
    REQUIRE(turn_until(loop, [&] { return error.has_value(); }));
    CHECK(error->cause == Cause::peer_reset);
    CHECK(error->code == ECONNRESET);  // `probe` knows it by this
    CHECK((error->text.find("the key is right") != std::string::npos) == keyed);
  }
}

TEST_CASE("a way that is none") {
  CHECK(no_way(endpoint("127.0.0.1").address, {}, {}).empty());
  CHECK(no_way(endpoint("127.0.0.1").address, endpoint("127.0.0.2").address, "lo").empty());
  CHECK(no_way({}, {}, {}).empty());
  CHECK(no_way(endpoint("198.51.100.1").address, {}, {}).find("no route") != std::string::npos);
  CHECK(no_way(endpoint("127.0.0.1").address, endpoint("192.0.2.77").address, {})
            .find("not on this host") != std::string::npos);
  CHECK(no_way(endpoint("127.0.0.1").address, {}, "nosuch0").find("nosuch0") != std::string::npos);
}

TEST_CASE("a keyed dial to a closed port is silence, never a refusal") {
  World w;
  const Key key = key_of("one key");
  REQUIRE(w.listen("127.0.0.1", true, {w.claim("127.0.0.2", &key)}));
  const Endpoint at = w.listener->at();
  w.listener.reset();
  bool done = false;
  DialRequest request;
  request.to = at;
  request.key = &key;
  request.timeout = silence_shows_after;
  std::unique_ptr<Dialer> dialer;
  dialer = Dialer::start(w.loop, request, [&](Result<Connected> result) {
    done = true;
    CHECK(result.error().cause == Cause::connect_timeout);
    dialer.reset();  // allowed
  });
  CHECK(turn_until(w.loop, [&] { return done; }));
}

TEST_CASE("the kernel is asked what it has") {
  const auto support = tcp_auth::probe();
  CHECK(support.tcp_md5);
  CHECK(support.text.empty());
  std::size_t optmem = 0;
  std::ifstream("/proc/sys/net/core/optmem_max") >> optmem;
  if (optmem == 131072) CHECK(tcp_auth::keys_per_socket() == 963);
  CHECK(tcp_auth::optmem_needed(tcp_auth::keys_per_socket()) <= optmem);
  CHECK(tcp_auth::optmem_needed(tcp_auth::keys_per_socket() + 1) > optmem);
}

}  // namespace peerhold
