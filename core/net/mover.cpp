// The loop's side of the movers: who is lent to which thread, and the way back. Owned by the
// keeper, used by conversations whose plugin only relays. The threads themselves are
// mover_thread.cpp.
#include "net/mover.hpp"

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "net/mover_thread.hpp"

namespace peerhold {

struct Movers::State {
  static constexpr std::size_t nobody = SIZE_MAX;  // no thread was to be had
  struct Worker {
    std::unique_ptr<MoverThread> thread;
    std::size_t pairs = 0;
  };
  struct Lent {
    std::unique_ptr<MovedPair> pair;
    std::size_t worker = 0;
    std::function<void(Returned)> returned;
  };

  State(Loop& loop, unsigned count) : most(count), wake(loop, [this] { collect(); }) {
    if (most == 0) most = std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
    wake.keep_alive(false);
  }

  // The least loaded thread; a new one while there are fewer than wanted and none is idle.
  std::size_t choose() {
    const auto least =
        std::min_element(workers.begin(), workers.end(),
                         [](const Worker& a, const Worker& b) { return a.pairs < b.pairs; });
    if (least != workers.end() && (least->pairs == 0 || workers.size() >= most))
      return static_cast<std::size_t>(least - workers.begin());
    auto fresh = std::make_unique<MoverThread>(
        [this](Movers::Id id, Returned result) { post(id, std::move(result)); });
    if (fresh->works()) {
      workers.push_back({std::move(fresh), 0});
      return workers.size() - 1;
    }
    return least != workers.end() ? static_cast<std::size_t>(least - workers.begin()) : nobody;
  }

  // Called by the threads.
  void post(Movers::Id id, Returned result) {
    {
      const std::lock_guard lock(mutex);
      done.emplace_back(id, std::move(result));
    }
    wake.send();
  }

  void collect() {
    std::vector<std::pair<Movers::Id, Returned>> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(done);
    }
    for (auto& [id, result] : batch) {
      auto node = lent.extract(id);
      Lent& entry = node.mapped();
      if (entry.worker != nobody) --workers[entry.worker].pairs;
      if (lent.empty()) wake.keep_alive(false);
      entry.returned(std::move(result));
    }
  }

  unsigned most;
  Movers::Id last_id = 0;
  std::unordered_map<Movers::Id, Lent> lent;
  std::mutex mutex;  // guards `done`
  std::vector<std::pair<Movers::Id, Returned>> done;
  Wake wake;
  std::vector<Worker> workers;  // below all that the threads use: they are joined first
};

Movers::Movers(Loop& loop, unsigned count) : s_(std::make_unique<State>(loop, count)) {}

Movers::~Movers() = default;

Movers::Id Movers::lend(int a, int b, Options options, std::function<void(Returned)> returned) {
  const Id id = ++s_->last_id;
  const std::size_t worker = s_->choose();
  auto pair = std::make_unique<MovedPair>(id, a, b, options);
  MovedPair& lent = *pair;
  s_->lent.emplace(id, State::Lent{std::move(pair), worker, std::move(returned)});
  s_->wake.keep_alive(true);
  if (worker == State::nobody) {
    s_->post(id, {});  // the loop moves the bytes itself
    return id;
  }
  ++s_->workers[worker].pairs;
  s_->workers[worker].thread->take(lent);
  return id;
}

void Movers::ask_back(Id id) {
  const auto found = s_->lent.find(id);
  if (found != s_->lent.end() && found->second.worker != State::nobody)
    s_->workers[found->second.worker].thread->give_back(id);
}

Movers::Progress Movers::progress(Id id) const {
  const auto found = s_->lent.find(id);
  if (found == s_->lent.end()) return {};
  return found->second.pair->progress();
}

std::size_t Movers::lent() const {
  return s_->lent.size();
}

}  // namespace peerhold
