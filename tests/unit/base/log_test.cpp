// One line per fact, in one form, whatever a peer puts into it.
#include "base/log.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace peerhold {
namespace {

// Datagrams keep apart what was written apart.
struct Sink {
  Fd in, out;
  Sink() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    in = Fd(fds[0]);
    out = Fd(fds[1]);
  }
  std::string take() const {
    std::array<char, 4096> buffer;
    const ssize_t n = ::recv(out.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return n < 0 ? std::string("nothing") : std::string(buffer.data(), static_cast<std::size_t>(n));
  }
};

// Each whole line begins with the time; what is left of them.
std::string untimed(std::string_view text) {
  constexpr std::string_view form = "0000-00-00T00:00:00Z ";
  std::string out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n') + 1);
    text.remove_prefix(line.size());
    std::string start(line.substr(0, form.size()));
    std::replace_if(
        start.begin(), start.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
    if (start == form) line.remove_prefix(form.size());
    out += line;
  }
  return out;
}

TEST_CASE("text begins with the time, unless the journal has one of its own") {
  const Sink sink;
  const std::string before = format_time(std::chrono::system_clock::now());
  Log(sink.in.get()).line(Level::warn, "x", {}, "");
  const std::string line = sink.take();
  CHECK(line.substr(0, 20) >= before);
  CHECK(line.substr(0, 20) <= format_time(std::chrono::system_clock::now()));
  CHECK(line.substr(20) == " warn event=x\n");
  Log(sink.in.get(), LogFormat::text, Level::info, false).line(Level::warn, "x", {}, "");
  CHECK(sink.take() == "warn event=x\n");
  struct stat st {};
  REQUIRE(::fstat(sink.in.get(), &st) == 0);
  const std::string stream = std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
  const char* given = ::getenv("JOURNAL_STREAM");
  const std::string old = given != nullptr ? given : "";
  REQUIRE(::setenv("JOURNAL_STREAM", stream.c_str(), 1) == 0);
  Log(sink.in.get()).line(Level::warn, "x", {}, "");
  CHECK(sink.take() == "warn event=x\n");
  if (given != nullptr)
    ::setenv("JOURNAL_STREAM", old.c_str(), 1);
  else
    ::unsetenv("JOURNAL_STREAM");
}

TEST_CASE("text") {
  Sink sink;
  Log log(sink.in.get());
  log.line(Level::info, "session-state",
           {{"session", "edge1"},
            {"peer", "192.0.2.1"},
            {"cause", "hold-expired"},
            {"retry_in", "1.2s"}},
           "no KEEPALIVE for 90s", "established -> backoff");
  CHECK(untimed(sink.take()) ==
        "session=edge1 peer=192.0.2.1 established -> backoff event=session-state "
        "cause=hold-expired retry_in=1.2s "
        "text=\"no KEEPALIVE for 90s\"\n");
  CHECK(sink.take() == "nothing");
  log.line(Level::warn, "control-socket", {{"path", ""}}, "taken");
  CHECK(untimed(sink.take()) == "warn event=control-socket text=\"taken\"\n");
  log.line(Level::error, "x", {}, "");
  CHECK(untimed(sink.take()) == "error event=x\n");
  log.line(Level::trace, "x", {}, "");
  CHECK(untimed(sink.take()) == "event=x\n");
}

TEST_CASE("a peer's text cannot make a line or a field of its own") {
  Sink sink;
  Log log(sink.in.get());
  log.line(Level::info, "x", {{"a", "b c"}, {"d", "e=f"}, {"g", "h\ni"}, {"j", "k\"l"}},
           "say \"no\"\\\nevent=y\x1b[2J\xff");
  CHECK(untimed(sink.take()) ==
        "event=x a=\"b c\" d=\"e=f\" g=\"h\\ni\" j=\"k\\\"l\" text=\"say "
        "\\\"no\\\"\\\\\\nevent=y\\x1b[2J\\xff\"\n");
}

TEST_CASE("JSON") {
  Sink sink;
  Log log(sink.in.get(), LogFormat::json);
  log.line(Level::warn, "session-state", {{"session", "edge1"}, {"empty", ""}},
           "bad \xff\n\"byte\"", "a -> b");
  const std::string line = sink.take();
  REQUIRE(!line.empty());
  CHECK(line.find('\n') == line.size() - 1);
  const auto o = nlohmann::json::parse(line, nullptr, false);
  REQUIRE(o.is_object());
  CHECK(o["level"] == "warn");
  CHECK(o["event"] == "session-state");
  CHECK(o["session"] == "edge1");
  CHECK(o["change"] == "a -> b");
  CHECK(o["text"] == "bad \xef\xbf\xbd\n\"byte\"");
  CHECK(o["time"].get<std::string>().size() == 20);
  CHECK_FALSE(o.contains("empty"));
}

TEST_CASE("the level that counts is the one asked with") {
  Log log(-1, LogFormat::text, Level::warn);
  CHECK(log.enabled(Level::warn, log.level()));
  CHECK_FALSE(log.enabled(Level::info, log.level()));
  CHECK(log.enabled(Level::debug, Level::debug));
  log.set(LogFormat::json, Level::trace);
  CHECK(log.level() == Level::trace);
}

TEST_CASE("lines of several threads do not mix, and a log that nobody can take stops nothing") {
  Sink sink;
  Log log(sink.in.get());
  const int flags = ::fcntl(sink.in.get(), F_GETFL);
  REQUIRE(::fcntl(sink.in.get(), F_SETFL, flags | O_NONBLOCK) == 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log] {
      for (int i = 0; i < 2000; ++i) log.line(Level::info, "x", {{"a", "b"}}, "c");
    });
  for (auto& thread : threads) thread.join();
  int lines = 0;
  for (std::string line = sink.take(); line != "nothing"; line = sink.take(), ++lines)
    REQUIRE(untimed(line) == "event=x a=b text=\"c\"\n");
  CHECK(lines > 0);
  CHECK(lines < 8000);  // negative control: the sink was full
}

TEST_CASE("a pipe that nobody reads stops nothing, and what was lost is counted") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd out(ends[0]), in(ends[1]);  // a write to the full pipe would wait for ever
  Log log(in.get());
  const std::string large(10000, 'x');
  constexpr int written = 20000;
  for (int i = 0; i < written; ++i)
    log.line(Level::info, "x", {{"n", std::to_string(i)}}, i % 10 == 9 ? large : "short");
  const auto take = [&] {
    std::string all;
    std::array<char, 65536> buffer;
    REQUIRE(::fcntl(out.get(), F_SETFL, O_NONBLOCK) == 0);
    for (ssize_t n; (n = ::read(out.get(), buffer.data(), buffer.size())) > 0;)
      all.append(buffer.data(), static_cast<std::size_t>(n));
    return all;
  };
  std::string before = take();
  const auto whole = std::count(before.begin(), before.end(), '\n');
  CHECK(whole > 10);
  CHECK(whole < written);  // negative control: the pipe was full
  CHECK(before.find(large) != std::string::npos);
  log.line(Level::info, "x", {}, large);
  const std::string gap = "warn event=log-lost count=" + std::to_string(written - whole) +
                          " text=\"nobody took so many lines of the log\"\n";
  const std::string last = "event=x text=\"" + large + "\"\n";
  const std::string broken = before.back() == '\n' ? "" : "\n";
  CHECK(untimed(take()) == broken + gap + last);
}

}  // namespace
}  // namespace peerhold
