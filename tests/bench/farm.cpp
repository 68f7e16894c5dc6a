// farm: emulated BGP routers, each with an address of its own, all in one thread; or, as --floor,
// one minimal speaker in the place of the program under test. Called by tests/bench/run. Does the
// steps it is told one after another and prints one line of JSON for each.
#include <sys/resource.h>

#include <algorithm>

#include "farm_options.hpp"
#include "farm_pass.hpp"

namespace {

using farm::Clock;

class Steps {
 public:
  explicit Steps(const farm::Options& options)
      : options_(options), sessions_(farm::settings_for(options)) {
    if (!options.pass) return;
    up_ = std::make_unique<farm::Pass>(sessions_, farm::kApp, farm::kRouter, options.peer_as);
    down_ = std::make_unique<farm::Pass>(sessions_, farm::kRouter, farm::kApp, options.as);
  }

  // Everything that is needed before the first step.
  void begin(bool waits) {
    if (waits) sessions_.wake_on(STDIN_FILENO);
    sessions_.listen();
  }

  bool run(const std::string& step) {
    auto equals = step.find('=');
    std::string name = step.substr(0, equals);
    double seconds = equals == std::string::npos ? 1 : farm::number(step.substr(equals + 1), 3600);
    if (name == "ready") {
      std::puts(R"({"step": "ready"})");
    } else if (name == "up") {
      auto begin = Clock::now();
      sessions_.start();
      await_all("up", begin);
    } else if (name == "drop") {
      auto begin = Clock::now();
      sessions_.drop_all();
      await_all("drop", begin);
    } else if (name == "count") {
      count(seconds);
    } else if (name == "stay") {
      sessions_.start();
      sessions_.run(Clock::time_point::max(), [] { return false; });
    } else if (name == "wait") {
      sessions_.run(Clock::time_point::max(), [this] { return sessions_.woken; });
      sessions_.woken = false;
      char line[64];
      if (read(STDIN_FILENO, line, sizeof line) <= 0) std::exit(0);
    } else if (up_ && name == "stream") {
      return up_->stream("stream", seconds);
    } else if (up_ && name == "stream-down") {
      return down_->stream("stream-down", seconds);
    } else if (up_ && name == "latency") {
      return up_->latency("latency", seconds);
    } else if (up_ && name == "latency-down") {
      return down_->latency("latency-down", seconds);
    } else {
      farm::usage();
    }
    return true;
  }

 private:
  static Clock::time_point after(double seconds) {
    return Clock::now() +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  // "at" is on the clock that all processes of the machine share.
  void await_all(const char* step, Clock::time_point begin) {
    bool all = sessions_.run(after(options_.deadline), [this] { return sessions_.all_up(); });
    auto end = all ? sessions_.last_up() : Clock::now();
    std::printf(
        R"({"step": "%s", "established": %u, "all": %s, "seconds": %.4f, "at": %.6f, "lost": %llu})"
        "\n",
        step, sessions_.established(), all ? "true" : "false",
        std::chrono::duration<double>(end - begin).count(),
        std::chrono::duration<double>(end.time_since_epoch()).count(),
        static_cast<unsigned long long>(sessions_.counts().lost));
  }

  void count(double seconds) {
    sessions_.counts() = {};
    auto begin = Clock::now();
    sessions_.run(after(seconds), [] { return false; });
    const farm::Counts& seen = sessions_.counts();
    std::printf(
        R"({"step": "count", "seconds": %.4f, "sent": %llu, "received": %llu, "updates": %llu, "lost": %llu})"
        "\n",
        load::since(begin), static_cast<unsigned long long>(seen.keepalives_sent),
        static_cast<unsigned long long>(seen.keepalives_received),
        static_cast<unsigned long long>(seen.updates), static_cast<unsigned long long>(seen.lost));
  }

  const farm::Options& options_;
  farm::Sessions sessions_;
  std::unique_ptr<farm::Pass> up_, down_;
};

// As many files as this process may ask for.
void open_files() {
  rlimit files{};
  load::need(getrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
  files.rlim_cur = files.rlim_max;
  load::need(setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
}

}  // namespace

int main(int count, char** words) {
  open_files();
  const farm::Options options = farm::parse(count, words);
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  Steps all(options);
  all.begin(std::find(options.steps.begin(), options.steps.end(), "wait") != options.steps.end());
  for (const std::string& step : options.steps) {
    if (!all.run(step)) return 1;
  }
  return 0;
}
