// A Keeper on a loop of its own, with far ends and apps that are plain sockets in the same process.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "../net/sockets.hpp"
#include "keeper/keeper.hpp"
#include "probe.hpp"

namespace peerhold {

// What one side of a plain connection has read so far.
struct FarEnd {
  Fd fd;
  std::string got;
  bool eof = false, reset = false;

  // Takes what is there, without waiting.
  void read() {
    char bytes[65536];
    while (fd && !eof && !reset) {
      const ssize_t n = recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (n > 0) {
        got.append(bytes, static_cast<std::size_t>(n));
      } else if (n == 0) {
        eof = true;
      } else if (errno == EAGAIN || errno == EINTR) {
        return;
      } else {
        reset = true;
      }
    }
  }
  bool ended() {
    read();
    return eof || reset;
  }
  // All of it; only for what fits the socket's buffers.
  void write(std::string_view text) const {
    REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  std::size_t write_some(std::string_view text) const {
    const ssize_t n = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  void finish() const { shutdown(fd.get(), SHUT_WR); }
  void abort() {
    const linger now{1, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd.reset();
  }
};

inline std::uint16_t fresh_port() {
  static std::uint16_t next = 20000;
  return next++;
}

// A socket that listens, for keepers that dial.
struct FarListener {
  Endpoint at;
  Fd fd;
  explicit FarListener(const std::string& address, std::uint16_t port = fresh_port())
      : at(endpoint(address + ":" + std::to_string(port))) {
    const int yes = 1;
    fd.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_storage to{};
    const auto length = at.to_sockaddr(to);
    REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&to), *length) == 0);
    REQUIRE(listen(fd.get(), 16) == 0);
    unblock(fd);
  }
  bool accept(FarEnd& into) const {
    into.fd.reset(accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return static_cast<bool>(into.fd);
  }
};

class Stage {
 public:
  Loop loop;
  Fd said{memfd_create("log", MFD_CLOEXEC)};
  Log log{said.get()};
  std::vector<Probe*> probes;  // looked at for breaches at the end
  std::unique_ptr<Keeper> keeper;
  std::string marks;  // the runtime directory; none: nothing is written down
  Milliseconds forget_after{0};

  explicit Stage(std::vector<Probe*> of) : probes(std::move(of)) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() {
    for (Probe* probe : probes) probe->rest();
    if (keeper) {
      bool drained = false;
      keeper->drain([&] { drained = true; });
      CHECK(until([&] { return drained; }));
    }
    keeper.reset();
    turn(3);
    for (const Probe* probe : probes) {
      for (const std::string& breach : probe->breaches) {
        INFO(probe->all("\n  "));
        FAIL_CHECK("the host broke its promise: " << breach);
      }
      for (const auto& instance : probe->instances) CHECK_FALSE(instance->open);
    }
  }

  void start(const std::string& text) {
    KeeperSettings settings;
    settings.config_text = "[keeper]\ndrain_timeout = \"100ms\"\n" + text;
    const char* plugins = std::getenv("PLUGINS");
    settings.plugin_dirs = {plugins != nullptr ? plugins : "."};
    settings.forget_children_after = forget_after;
    std::vector<Diagnostic> diagnostics;
    keeper = Keeper::create(loop, std::move(settings), log, diagnostics);
    if (!keeper) {
      for (const Diagnostic& d : diagnostics) MESSAGE(d.at.line << ": " << d.text);
    }
    REQUIRE(keeper);
    if (!marks.empty()) keeper->keep_marks_in(marks);
    keeper->start();
  }
  ReloadOutcome reload(const std::string& text) {
    REQUIRE(keeper->set_text("[keeper]\ndrain_timeout = \"100ms\"\n" + text));
    return keeper->reload(false);
  }
  SessionStatus status(const std::string& name = "s") const { return keeper->sessions(name).at(0); }
  // The lines of the log that have `what` in them.
  std::size_t logged(std::string_view what) const {
    std::string all(static_cast<std::size_t>(lseek(said.get(), 0, SEEK_END)), 0);
    all.resize(static_cast<std::size_t>(pread(said.get(), all.data(), all.size(), 0)));
    std::size_t count = 0;
    for (std::size_t at = 0, end = 0; (end = all.find('\n', at)) != std::string::npos;
         at = end + 1) {
      count += std::string_view(all).substr(at, end - at).find(what) != std::string_view::npos;
    }
    return count;
  }
  bool is(SessionState state, const std::string& name = "s") {
    return until([&] { return status(name).state == state; });
  }
  template <class Condition>
  bool until(Condition condition) {
    return turn_until(loop, condition);
  }
  // Enough for anything that is under way on loopback to have happened.
  void turn(int times = 200) {
    for (int i = 0; i < times; ++i) {
      loop.turn();
      std::this_thread::yield();
    }
  }

  // A session's table. `more` are further lines; `tables` stand behind the probe's own table.
  static std::string session(const Probe& probe, const std::string& more,
                             const std::string& options = {}, const std::string& plugin = "probe",
                             const std::string& name = "s", const std::string& tables = {}) {
    std::string text = "[[session]]\nname = \"" + name + "\"\nplugin = \"" + plugin + "\"\n";
    if (more.find("keychain") == std::string::npos) text += "keychain = \"none\"\n";
    text += more + "\n[session." + plugin + "]\ntester = \"" + probe.address() + "\"\n" + options +
            "\n";
    // Small, without chance: tests wait for what happens, not for how long it takes.
    if (tables.find("[session.retry]") == std::string::npos)
      text += "[session.retry]\nmin = \"20ms\"\nmax = \"100ms\"\njitter = 0.0\n";
    return text + tables + "\n";
  }
};

// A client of `to`.
inline FarEnd connected(const Endpoint& to, const std::string& from = "127.0.0.1") {
  FarEnd end;
  end.fd = bound(endpoint(from));
  REQUIRE(connect_to(end.fd, to));
  return end;
}

// The most usual stage: an active persistent session with its link up, and an app socket.
struct OneSession : Stage {
  Probe& probe;
  FarListener far{"127.0.0.2"};
  Endpoint app_at = endpoint("127.0.0.1:" + std::to_string(fresh_port()));
  FarEnd peer;
  std::string lines, plugin;

  explicit OneSession(Probe& p, const std::string& tables = {}, const std::string& more = {},
                      std::string of = "probe")
      : Stage({&p}), probe(p), plugin(std::move(of)) {
    lines = "peer = \"" + far.at.to_string() + "\"\nlink = \"persistent\"\napp = \"" +
            app_at.to_string() + "\"\n" + more;
    start(session(p, lines, {}, plugin, "s", tables));
    REQUIRE(until([&] { return far.accept(peer); }));
    REQUIRE(until([&] { return p.count("up 0") == 1; }));
  }
  // An app, up: `link` is its number.
  FarEnd app(ph_link link) {
    FarEnd end = connected(app_at);
    REQUIRE(until([&] { return probe.one().up.contains(link); }));
    return end;
  }
};

}  // namespace peerhold
