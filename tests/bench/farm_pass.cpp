// UPDATE pass-through: as many as the far side takes, or one at a time. Called by farm.cpp.
#include "farm_pass.hpp"

#include <algorithm>

namespace farm {

Pass::Pass(Sessions& sessions, unsigned from, unsigned to, std::uint32_t as)
    : sessions_(sessions), from_(from), to_(to), size_(update_message(as, 0).size()) {
  for (std::uint32_t number = 0; number < kPrefixes; ++number) {
    block_ += update_message(as, number);
  }
}

// The callbacks of `sessions_` are those of the direction that is measured.
void Pass::listen_in() {
  sessions_.on_update = [this](unsigned index, const Message& update) {
    if (index != to_ || update.size == kEndOfRib) return;
    wrong_ |= update.size != size_ || number_of(update) != expected_;
    expected_ = (expected_ + 1) % kPrefixes;
    ++received_;
    last_ = Clock::now();
  };
  sessions_.on_writable = [this](unsigned index) { sessions_.busy |= index == from_; };
}

// Finishing: only up to the end of the message that is half out.
void Pass::pump(bool finishing) {
  constexpr std::size_t kMost = 32 * 1024;  // before the other end is looked after again
  Session& session = sessions_.at(from_);
  std::size_t into = at_ % size_;
  std::size_t most = finishing ? (into != 0 ? size_ - into : 0) : kMost;
  if (!sessions_.busy || most == 0 || session.fd < 0) return;
  ssize_t sent =
      send(session.fd, block_.data() + at_, std::min(most, block_.size() - at_), MSG_NOSIGNAL);
  if (sent < 0) {
    sessions_.busy = false;
    return;
  }
  octets_ += static_cast<std::size_t>(sent);
  at_ = (at_ + static_cast<std::size_t>(sent)) % block_.size();
  session.mid_message = at_ % size_ != 0;
}

bool Pass::arrived(double deadline) {
  auto end = Clock::now() +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(deadline));
  bool all = sessions_.run(end, [this] {
    pump(true);
    if (at_ % size_ == 0) sessions_.busy = false;
    return wrong_ || (at_ % size_ == 0 && received_ == octets_ / size_) || !sessions_.all_up();
  });
  if (all && !wrong_ && sessions_.all_up()) return true;
  std::fprintf(stderr, "farm: %llu UPDATEs sent, %llu arrived%s%s\n",
               static_cast<unsigned long long>(octets_ / size_),
               static_cast<unsigned long long>(received_), wrong_ ? ", not as they were sent" : "",
               sessions_.all_up() ? "" : ", a session ended");
  return false;
}

bool Pass::stream(const char* step, double seconds) {
  listen_in();
  std::uint64_t before = received_;
  sessions_.busy = true;
  auto start = Clock::now();
  auto end =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  sessions_.run(end, [this] {
    pump(false);
    return wrong_ || !sessions_.all_up();
  });
  sessions_.busy = true;
  if (!arrived(30)) return false;
  double took = std::chrono::duration<double>(last_ - start).count();
  auto messages = static_cast<double>(received_ - before);
  std::printf(
      R"({"step": "%s", "messages": %.0f, "octets_each": %zu, "seconds": %.4f, "per_s": %.0f})"
      "\n",
      step, messages, size_, took, messages / took);
  return true;
}

bool Pass::latency(const char* step, double seconds) {
  constexpr std::size_t kWarmUp = 200;
  listen_in();
  std::vector<double> micros;
  auto start = Clock::now();
  for (std::size_t i = 0; i < kWarmUp || load::since(start) < seconds; ++i) {
    auto sent = Clock::now();
    load::send_all(sessions_.at(from_).fd, block_.data() + at_, size_);
    octets_ += size_;
    at_ = (at_ + size_) % block_.size();
    if (!arrived(5)) return false;
    if (i >= kWarmUp) micros.push_back(std::chrono::duration<double>(last_ - sent).count() * 1e6);
  }
  if (micros.empty()) return false;
  std::sort(micros.begin(), micros.end());
  std::printf(R"({"step": "%s", "messages": %zu, "p50_us": %.2f, "p99_us": %.2f})"
              "\n",
              step, micros.size(), micros[micros.size() / 2], micros[micros.size() * 99 / 100]);
  return true;
}

}  // namespace farm
