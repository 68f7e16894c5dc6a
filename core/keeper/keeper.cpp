// Keeper: the sessions of one configuration and what they share. Driven by core/cli (or by a
// program that embeds it) and asked by core/control.
#include "keeper/keeper.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <optional>
#include <random>

#include "keeper/app_listeners.hpp"
#include "keeper/listeners.hpp"
#include "keeper/load.hpp"
#include "keeper/reload.hpp"
#include "net/addresses.hpp"
#include "net/tcp_auth.hpp"
#include "session/session.hpp"

namespace peerhold {

namespace {

constexpr Milliseconds goodbye_patience{2000};
constexpr Milliseconds look_again{20};

}  // namespace

struct Keeper::State final : private Later::Item {
  // A place of the configuration; its session is replaced when a reload restarts it.
  struct Slot {
    std::unique_ptr<Session> session;
    std::unique_ptr<SessionConfig> next;  // starts when `session` is gone
    bool removed = false;
    // An operator's word that differs from `enabled`: it outlives a restart by reload.
    std::optional<bool> up = {};

    void restart(const SessionConfig& with) {
      next = std::make_unique<SessionConfig>(with);
      if (session->stopping()) return;
      const bool runs = session->state() != SessionState::down;
      if (runs != session->config().enabled) up = runs;
      session->stop(PH_BYE_CONFIG, "restarted by a changed configuration", goodbye_patience, false);
    }
  };

  State(Loop& l, KeeperSettings s, Log& log_to)
      : loop(l),
        settings(std::move(s)),
        log(log_to),
        plugins(settings.plugin_dirs),
        later(l),
        closing(l),
        listeners(l, chains),
        app_listeners(l),
        random(std::random_device()()),
        drain_timer(l, [this] { look_whether_drained(); }),
        movers(l),
        around{loop, log, movers, closing, later, random, {}, {}, {}, {}, {}, {}} {
    around.claim = [this](Session& session) { return listeners.claim(session); };
    around.unclaim = [this](Session& session) { listeners.unclaim(session); };
    around.open_app = [this](Session& session) { return app_listeners.open(session); };
    around.close_app = [this](Session& session) { app_listeners.close(session); };
    around.emit = [this](const Event& event) { tell(event); };
    around.gone = [this](Session&) { later.add(*this); };
  }
  ~State() = default;

  void look_later() { later.add(*this); }
  void run_later() override { bury(); }

  // ---- events
  // ----------------------------------------------------------------------------------------
  void tell(const Event& event) {
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

  void note(Level level, EventKind kind, std::string_view id, const std::string& session,
            std::string to, std::string text, std::initializer_list<Log::Field> fields) {
    if (log.enabled(level, log.level())) log.line(level, id, fields, text);
    tell({std::chrono::system_clock::now(), session, kind, {}, std::move(to), {}, std::move(text)});
  }

  // ---- sessions
  // --------------------------------------------------------------------------------------
  Slot* find(const std::string& name) {
    const auto found = std::ranges::find_if(
        slots, [&](const Slot& slot) { return slot.session->name() == name && !slot.removed; });
    return found == slots.end() ? nullptr : &*found;
  }

  const KeyChain* chain_of(const SessionConfig& of) const {
    const auto found = chains.find(of.keychain);
    return found == chains.end() ? nullptr : &found->second;
  }

  Config present() const {
    Config now = config;
    for (const Slot& slot : slots) {
      if (!slot.removed) now.sessions.push_back(slot.next ? *slot.next : slot.session->config());
    }
    return now;
  }

  std::unique_ptr<Session> make(SessionConfig of) {
    // load_everything has found the plugin; once loaded it stays.
    const Result<const Library*> library = plugins.find(of.plugin, config.keeper.plugin_dirs);
    PH_REQUIRE(library);
    const KeyChain* chain = chain_of(of);
    of.printed = {};
    return std::make_unique<Session>(around, **library, std::move(of), chain);
  }

  void add(const SessionConfig& of) {
    slots.push_back({make(of), nullptr, false});
    if (started) slots.back().session->start();
  }

  // Sessions that have said goodbye are destroyed, and followed by their successors.
  void bury() {
    for (auto it = slots.begin(); it != slots.end();) {
      Slot& slot = *it;
      if (!slot.session->is_gone()) {
        ++it;
        continue;
      }
      if (slot.next && !draining) {
        slot.session.reset();
        slot.session = make(std::move(*slot.next));
        slot.next.reset();
        const std::optional<bool> up = std::exchange(slot.up, {});
        if (!up.has_value()) {
          slot.session->start();
        } else if (*up) {
          (void)slot.session->up();
        }
        ++it;
      } else if (slot.removed || draining) {
        it = slots.erase(it);
      } else {
        ++it;
      }
    }
    if (draining) look_whether_drained();
  }

  void look_whether_drained() {
    if (!on_drained || !slots.empty()) return;
    // A key must stay on its socket until the FIN is acknowledged; that takes two seconds at most.
    if (closing.count() > 0) {
      drain_timer.start(look_again);
      return;
    }
    const auto done = std::exchange(on_drained, {});
    done();
  }

  void release() {
    for (auto& [session, error] : listeners.release()) session->claim_lost(error);
  }

  void host_changed() {
    for (Slot& slot : slots) {
      if (slot.session->waits_for_host()) slot.session->kick();
    }
  }

  void apply(const std::vector<ReloadAction>& actions, Everything next);
  const Schema* schema_of(const std::string& plugin) {
    const auto found = plugins.find(plugin, config.keeper.plugin_dirs);
    return found ? &(*found)->facts().schema : nullptr;
  }

  Loop& loop;
  KeeperSettings settings;
  Log& log;
  Config config;                           // without `sessions`, which the slots have
  std::map<std::string, KeyChain> chains;  // nodes stay where they are: sessions point to them
  Plugins plugins;
  Later later;
  Closing closing;
  Listeners listeners;
  AppListeners app_listeners;
  std::mt19937_64 random;
  std::map<std::uint64_t, std::function<void(const Event&)>> subscribers;
  std::uint64_t next_subscriber = 1;
  std::list<Slot> slots;  // in the configuration's order
  std::unique_ptr<AddressWatch> watch;
  Timer drain_timer;
  std::function<void()> on_drained;
  WallTime started_at = std::chrono::system_clock::now();
  tcp_auth::Support support;
  bool started = false, draining = false;
  Movers movers;  // goes first: nothing is lent any more when sessions go
  Surroundings around;
};

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

// ---- reload
// ------------------------------------------------------------------------------------------

ReloadOutcome Keeper::reload(bool dry_run) {
  State& s = *s_;
  ReloadOutcome outcome;
  if (s.draining) {
    outcome.diagnostics.push_back({Diagnostic::error, {}, "the keeper is stopping"});
    return outcome;
  }
  Everything next = load_everything(s.settings, s.plugins);
  outcome.diagnostics = next.diagnostics;
  outcome.ok = next.ok();
  if (!outcome.ok) {
    if (!dry_run) {
      s.note(Level::error, EventKind::reload, "reload", {}, "refused",
             "the configuration has errors; nothing was changed", {});
    }
    return outcome;
  }
  outcome.actions = diff(s.present(), next.config, s.chains, next.chains,
                         [&](const std::string& plugin) { return s.schema_of(plugin); });
  if (!dry_run) s.apply(outcome.actions, std::move(next));
  return outcome;
}

Result<void> Keeper::set_text(std::string text) {
  if (!s_->settings.config_path.empty())
    return Error{"the configuration of this keeper is the file " + s_->settings.config_path +
                 ", not a text; change the file and reload"};
  s_->settings.config_text = std::move(text);
  return {};
}

void Keeper::State::apply(const std::vector<ReloadAction>& actions, Everything next) {
  using What = ReloadAction::What;
  if (next.config.keeper.control != config.keeper.control) {
    log.line(Level::warn, "reload", {},
             "[keeper] control has changed; the control socket moves when the keeper is restarted");
  }
  listeners.hold();
  // Chains change in place. One that is gone is kept until its sessions have let go of it.
  std::map<std::string, KeyChain> leaving;
  for (auto it = chains.begin(); it != chains.end();) {
    it = next.chains.contains(it->first) ? std::next(it)
                                         : (leaving.insert(chains.extract(it++)), it);
  }
  for (auto& [name, chain] : next.chains) chains[name] = std::move(chain);

  const auto config_of = [&](const std::string& name) {
    return *std::ranges::find(next.config.sessions, name, &SessionConfig::name);
  };
  std::size_t kept = 0, live = 0, restarted = 0, added = 0, removed = 0;
  config.keeper = next.config.keeper;
  std::vector<SessionConfig> fresh;
  for (const ReloadAction& action : actions) {
    Slot* slot = find(action.session);
    switch (action.what) {
      case What::keep:
      case What::live: {
        if (slot->next) {  // its restart is still under way
          slot->next = std::make_unique<SessionConfig>(config_of(action.session));
          break;
        }
        SessionConfig now = config_of(action.session);
        now.printed = {};
        const KeyChain* chain = chain_of(now);
        if (slot->session->reload(std::move(now), chain)) {
          ++(action.what == What::keep ? kept : live);
          break;
        }
        slot->restart(config_of(action.session));  // the plugin cannot take its options live
        ++restarted;
        break;
      }
      case What::restart:
        slot->restart(config_of(action.session));
        ++restarted;
        break;
      case What::add:
        fresh.push_back(config_of(action.session));
        ++added;
        break;
      case What::remove:
        slot->removed = true;
        slot->next.reset();
        slot->session->stop(PH_BYE_CONFIG, "removed from the configuration", goodbye_patience,
                            false);
        ++removed;
        break;
    }
  }
  config = std::move(next.config);
  listeners.set_prefixes(config.listens);
  for (const SessionConfig& session : fresh) add(session);
  release();
  // As in the file; what is on its way out comes last.
  std::map<std::string, std::size_t> place;
  for (const SessionConfig& session : std::exchange(config.sessions, {})) {
    place.emplace(session.name, place.size());
  }
  const auto place_of = [&](const Slot& slot) {
    return slot.removed ? place.size() : place.at(slot.session->name());
  };
  slots.sort([&](const Slot& a, const Slot& b) { return place_of(a) < place_of(b); });
  const std::string text = std::to_string(kept) + " kept, " + std::to_string(live) +
                           " changed live, " + std::to_string(restarted) + " restarted, " +
                           std::to_string(added) + " added, " + std::to_string(removed) +
                           " removed";
  note(Level::info, EventKind::reload, "reload", {}, "done", text, {});
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
    const std::uint32_t in_use = chain.in_use(now).id;
    for (const ChainKey& key : chain.keys()) {
      KeyStatus::OneKey one;
      one.id = key.key.id;
      if (key.start) one.start = *key.start;
      if (key.end) one.end = *key.end;
      one.valid = key.valid_at(now);
      for (const State::Slot& slot : s.slots) {
        const bool uses = slot.session->config().keychain == chain.name() && !slot.removed;
        if (uses && key.key.id == in_use) one.in_use_by.push_back(slot.session->name());
      }
      if (!one.in_use_by.empty()) one.last_used = now;
      status.keys.push_back(std::move(one));
    }
    out.push_back(std::move(status));
  }
  return out;
}

// ---- commands
// ----------------------------------------------------------------------------------------

Result<void> Keeper::up(const std::string& name) {
  State::Slot& slot = *s_->find(name);
  if (slot.next) {  // that is for the one that follows
    slot.up = true;
    return {};
  }
  return slot.session->up();
}

Result<void> Keeper::down(const std::string& name, const std::string& message) {
  State::Slot& slot = *s_->find(name);
  if (slot.next) slot.up = false;
  slot.session->down(message);
  return {};
}

Result<void> Keeper::reset(const std::string& name, const std::string& message, ResetKind kind) {
  State::Slot& slot = *s_->find(name);
  Session& session = *slot.session;
  if (kind == ResetKind::soft) {
    return Error{"session \"" + name + "\": plugin " + session.config().plugin +
                     " has nothing to refresh; `reset` without --soft drops the link and redials",
                 0, Cause::admin};
  }
  if (slot.next) return {};  // it is being restarted as it is
  return session.reset(message);
}

Result<void> Keeper::attach(const std::string& name, Fd fd) {
  return s_->find(name)->session->attach(std::move(fd));
}

bool Keeper::has_link_with(const Address& peer, const std::optional<Address>& source) const {
  return std::ranges::any_of(s_->slots, [&](const State::Slot& slot) {
    return slot.session->has_link_with(peer, source);
  });
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
                           int pid) {
  s_->note(Level::info, EventKind::operator_, "operator", session, command,
           command + " by uid " + std::to_string(uid) + ", pid " + std::to_string(pid),
           {{"session", session},
            {"command", command},
            {"uid", std::to_string(uid)},
            {"pid", std::to_string(pid)}});
}

}  // namespace peerhold
