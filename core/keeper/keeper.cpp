// Keeper: the sessions of one configuration and what they share. Driven by core/cli (or by a
// program that embeds it) and asked by core/control. How it changes is in changes.cpp, what
// operators say in commands.cpp, dynamic peers are in children.cpp.
#include "keeper/keeper.hpp"

#include <algorithm>

#include "keeper/state.hpp"

namespace peerhold {
namespace {

constexpr Milliseconds look_again{20};

}  // namespace

Keeper::State::State(Loop& l, KeeperSettings s, Log& log_to)
    : loop(l),
      settings(std::move(s)),
      log(log_to),
      plugins(settings.plugin_dirs),
      later(l),
      closing(l),
      listeners(
          l, [this](const std::string& chain) { return key_watch.scheduled_key(chain); },
          [this](const Session& parent) {
            std::vector<Session*> out;
            for (Slot* slot : children_of(parent.name())) out.push_back(slot->session.get());
            return out;
          }),
      app_listeners(l),
      random(std::random_device()()),
      drain_timer(l, [this] { look_whether_drained(); }),
      key_watch(l, log, listeners, chains, [this] { return sessions(); }),
      doctor({l, [this] { return sessions(); },
              [this](const std::string& name) {
                Slot* slot = find(name);
                return slot == nullptr ? nullptr : slot->session.get();
              },
              [this](const std::string& name) {
                const auto found = chains.find(name);
                return found == chains.end() ? nullptr : &found->second;
              },
              support}),
      movers(l),
      around{loop, log, movers, closing, later, random, {}, {}, {}, {}, {}, {}} {
  // A child's links come by its parent's claim.
  around.claim = [this](Session& session) -> Result<void> {
    if (session.is_child()) return {};
    return listeners.claim(session);
  };
  around.unclaim = [this](Session& session) { listeners.unclaim(session); };
  around.claim_changed = [this](Session& session) { listeners.key_changed(session); };
  around.open_app = [this](Session& session) { return app_listeners.open(session); };
  around.close_app = [this](Session& session) { app_listeners.close(session); };
  around.emit = [this](const Event& event) { tell(event); };
  around.gone = [this](Session&) { look_later(); };
  around.child = [this](Session& parent, const Address& peer) { return child(parent, peer); };
  around.explain = [this](const Session& session) { return doctor.explain(session); };
  around.forget = [this](Session& session) { forget(session); };
  if (settings.forget_children_after.count() > 0) {
    around.forget_after = settings.forget_children_after;
  }
}

void Keeper::State::tell(const Event& event) {
  // A subscriber may unsubscribe itself or another.
  std::vector<std::uint64_t> ids;
  for (const auto& [id, subscriber] : subscribers) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    if (const auto found = subscribers.find(id); found != subscribers.end()) {
      const auto call = found->second;
      call(event);
    }
  }
}

void Keeper::State::note(Level level, EventKind kind, std::string_view id,
                         const std::string& session, std::string to, std::string text,
                         std::initializer_list<Log::Field> fields) {
  if (log.enabled(level, log.level())) log.line(level, id, fields, text);
  tell({std::chrono::system_clock::now(), session, kind, {}, std::move(to), {}, std::move(text)});
}

std::vector<Session*> Keeper::State::sessions() {
  std::vector<Session*> out;
  for (Slot& slot : slots)
    if (!slot.removed) out.push_back(slot.session.get());
  return out;
}

Keeper::State::Slot* Keeper::State::find(const std::string& name) {
  const auto found = std::ranges::find_if(
      slots, [&](const Slot& slot) { return slot.session->name() == name && !slot.removed; });
  return found == slots.end() ? nullptr : &*found;
}

const KeyChain* Keeper::State::chain_of(const SessionConfig& of) const {
  const auto found = chains.find(of.keychain);
  return found == chains.end() ? nullptr : &found->second;
}

Config Keeper::State::present() const {
  Config now = config;
  for (const Slot& slot : slots) {
    if (slot.removed || !slot.parent.empty()) continue;
    now.sessions.push_back(slot.next ? *slot.next : slot.session->config());
  }
  return now;
}

std::unique_ptr<Session> Keeper::State::make(SessionConfig of, bool child) {
  // load_everything has found the plugin; once loaded it stays.
  const Result<const Library*> library = plugins.find(of.plugin, config.keeper.plugin_dirs);
  PH_REQUIRE(library);
  const KeyChain* chain = chain_of(of);
  return std::make_unique<Session>(around, **library, std::move(of), chain, child);
}

void Keeper::State::add(const SessionConfig& of) {
  slots.emplace_back();
  slots.back().session = make(of);
  if (started) slots.back().session->start();
}

void Keeper::State::look_whether_drained() {
  if (!on_drained || !slots.empty()) return;
  // A key must stay on its socket until the FIN is acknowledged; that takes two seconds at most.
  if (closing.count() > 0) {
    closing.hurry();
    drain_timer.start(look_again);
    return;
  }
  const auto done = std::exchange(on_drained, {});
  done();
}

void Keeper::State::release() {
  for (auto& [session, error] : listeners.release()) session->claim_lost(error);
}

void Keeper::State::host_changed() {
  // Who loses its listener now has just been tried, and waits for the next change.
  std::vector<Session*> waiting;
  for (Slot& slot : slots) {
    if (slot.session->waits_for_host()) waiting.push_back(slot.session.get());
  }
  for (auto& [session, error] : listeners.host_changed()) session->claim_lost(error);
  for (Session* session : waiting) session->kick();
}

Keeper::Keeper(std::unique_ptr<State> state) : s_(std::move(state)) {}
Keeper::~Keeper() = default;

std::unique_ptr<Keeper> Keeper::create(Loop& loop, KeeperSettings settings, Log& log,
                                       std::vector<Diagnostic>& diagnostics) {
  auto state = std::make_unique<State>(loop, std::move(settings), log);
  Everything all = load_everything(state->settings, state->plugins);
  diagnostics = all.diagnostics;
  if (!all.ok()) return nullptr;
  state->config = std::move(all.config);
  state->chains = std::move(all.chains);
  const std::vector<SessionConfig> sessions = std::exchange(state->config.sessions, {});
  for (const SessionConfig& session : sessions) state->add(session);
  state->support = tcp_auth::probe();
  return std::unique_ptr<Keeper>(new Keeper(std::move(state)));
}

const KeeperConfig& Keeper::keeper_config() const {
  return s_->config.keeper;
}
Config Keeper::config() const {
  return s_->present();
}
const Plugins& Keeper::plugins() const {
  return s_->plugins;
}

void Keeper::keep_marks_in(const std::string& runtime_dir) {
  State& s = *s_;
  s.established = std::make_unique<EstablishedFiles>(runtime_dir, s.log);
  s.around.established_ago = [&s](const std::string& name) { return s.established->ago(name); };
  s.around.mark_established = [&s](const std::string& name) { s.established->mark(name); };
  s.around.forget_established = [&s](const std::string& name) { s.established->forget(name); };
}

void Keeper::start() {
  State& s = *s_;
  if (std::exchange(s.started, true)) return;
  auto watch = AddressWatch::open(s.loop, [&s] { s.host_changed(); });
  if (watch) {
    s.watch = *std::move(watch);
  } else {
    s.log.line(
        Level::warn, "keeper", {},
        "addresses that appear later are found by the retry timers only: " + watch.error().text);
  }
  s.listeners.hold();
  s.listeners.set_prefixes(s.config.listens);
  for (State::Slot& slot : s.slots) slot.session->start();
  s.release();
  s.key_watch.look();
  s.doctor.start();
}

void Keeper::drain(std::function<void()> done) {
  State& s = *s_;
  s.on_drained = std::move(done);
  if (std::exchange(s.draining, true)) return s.look_later();
  s.note(Level::info, EventKind::keeper, "keeper", {}, "draining", "the keeper stops", {});
  s.listeners.hold();
  for (State::Slot& slot : s.slots) {
    slot.next.reset();
    slot.session->stop(PH_BYE_STOP, "the keeper stops", s.config.keeper.drain_timeout, true);
  }
  s.release();
  s.look_later();
}

// ---- what is asked
// -----------------------------------------------------------------------------------

KeeperStatus Keeper::status() const {
  const State& s = *s_;
  KeeperStatus out;
  out.version = s.settings.version;
  out.config = s.settings.config_path;
  out.started = s.started_at;
  out.tcp_md5 = s.support.tcp_md5;
  out.tcp_ao = s.support.tcp_ao;
  for (const State::Slot& slot : s.slots) {
    if (slot.removed) continue;
    ++out.sessions;
    if (slot.session->state() == SessionState::established) ++out.established;
  }
  out.ready = s.started && !s.draining;
  out.draining = s.draining;
  return out;
}

bool Keeper::has(const std::string& name) const {
  return s_->find(name) != nullptr;
}

std::vector<SessionStatus> Keeper::sessions(const std::string& only) const {
  std::vector<SessionStatus> out;
  for (const State::Slot& slot : s_->slots) {
    if (slot.removed || (!only.empty() && slot.session->name() != only)) continue;
    out.push_back(slot.session->status());
  }
  return out;
}

std::vector<KeyStatus> Keeper::keys(const std::string& only_chain) const {
  const State& s = *s_;
  const WallTime now = std::chrono::system_clock::now();
  std::vector<KeyStatus> out;
  for (const KeyChainConfig& chain_config : s.config.keychains) {
    const auto found = s.chains.find(chain_config.name);
    if (found == s.chains.end()) continue;
    if (!only_chain.empty() && only_chain != chain_config.name) continue;
    const KeyChain& chain = found->second;
    KeyStatus status;
    status.name = chain.name();
    status.rollover = to_string(chain.rollover());
    for (const ChainKey& key : chain.keys()) {
      KeyStatus::OneKey one;
      one.id = key.key.id;
      if (key.start) one.start = *key.start;
      if (key.end) one.end = *key.end;
      one.valid = key.valid_at(now);
      for (const State::Slot& slot : s.slots) {
        if (slot.session->config().keychain != chain.name() || slot.removed) continue;
        const Keys& keys = slot.session->keys();
        if (keys.chain() == nullptr) continue;
        if (keys.choice().id == one.id) one.in_use_by.push_back(slot.session->name());
        for (const KeyUse& use : keys.uses()) {
          if (use.id != one.id) continue;
          one.last_sent = std::max(one.last_sent, use.sent);
          one.last_received = std::max(one.last_received, use.received);
        }
      }
      one.last_used = std::max(one.last_sent, one.last_received);
      status.keys.push_back(std::move(one));
    }
    out.push_back(std::move(status));
  }
  return out;
}

std::unique_ptr<Examination> Keeper::examine(const std::string& only,
                                             std::function<void(Diagnosis)> done) {
  return s_->doctor.examine(only, std::move(done));
}

std::uint64_t Keeper::subscribe(std::function<void(const Event&)> subscriber) {
  const std::uint64_t id = s_->next_subscriber++;
  s_->subscribers.emplace(id, std::move(subscriber));
  return id;
}

void Keeper::unsubscribe(std::uint64_t id) {
  s_->subscribers.erase(id);
}

void Keeper::note_operator(const std::string& session, const std::string& command, unsigned uid,
                           int pid, const std::string& refusal) {
  s_->note(Level::info, EventKind::operator_, "operator", session, command,
           command + " by uid " + std::to_string(uid) + ", pid " + std::to_string(pid) +
               (refusal.empty() ? "" : ", refused: " + refusal),
           {{"session", session},
            {"command", command},
            {"uid", std::to_string(uid)},
            {"pid", std::to_string(pid)}});
}

}  // namespace peerhold
