// Keeper, the part that changes what there is: a reload carried out, sessions that end and are
// followed by others.
#include <algorithm>

#include "keeper/reload.hpp"
#include "keeper/state.hpp"

namespace peerhold {
namespace {

constexpr Milliseconds goodbye_patience{2000};

}  // namespace

void Keeper::State::Slot::restart(const SessionConfig& with) {
  next = std::make_unique<SessionConfig>(with);
  if (session->stopping()) return;
  const bool runs = session->state() != SessionState::down;
  if (runs != session->config().enabled) up = runs;
  session->stop(PH_BYE_CONFIG, "restarted by a changed configuration", goodbye_patience, false);
}

void Keeper::State::Slot::remove(ph_goodbye why, const std::string& text,
                                 const std::string& message) {
  removed = true;
  next.reset();
  session->stop(why, text, goodbye_patience, false, message);
}

void Keeper::State::bury() {
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
      key_watch.look();
      const std::optional<bool> up = std::exchange(slot.up, {});
      if (!up.has_value()) {
        slot.session->start();
      } else if (*up) {
        (void)slot.session->up();
      }
      ++it;
    } else if (slot.removed || draining) {
      // Unless one of that name has come again meanwhile.
      const std::string& name = slot.session->name();
      if (slot.removed && established && find(name) == nullptr) established->forget(name);
      it = slots.erase(it);
    } else {
      ++it;
    }
  }
  if (draining) look_whether_drained();
}

const Schema* Keeper::State::schema_of(const std::string& plugin) {
  const auto found = plugins.find(plugin, config.keeper.plugin_dirs);
  return found ? &(*found)->facts().schema : nullptr;
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
        const KeyChain* chain = chain_of(now);
        if (slot->session->reload(std::move(now), chain)) {
          reload_children(slot->session->config());
          ++(action.what == What::keep ? kept : live);
          break;
        }
        slot->restart(config_of(action.session));  // the plugin cannot take its options live
        ++restarted;
        break;
      }
      case What::restart:
        slot->restart(config_of(action.session));
        remove_children(action.session, PH_BYE_CONFIG, "restarted by a changed configuration");
        ++restarted;
        break;
      case What::add:
        fresh.push_back(config_of(action.session));
        ++added;
        break;
      case What::remove:
        slot->remove(PH_BYE_REMOVED, "removed from the configuration");
        remove_children(action.session, PH_BYE_REMOVED, "removed from the configuration");
        ++removed;
        break;
    }
  }
  config = std::move(next.config);
  listeners.set_prefixes(config.listens);
  for (const SessionConfig& session : fresh) add(session);
  release();
  key_watch.look();
  // As in the file; what is on its way out comes last.
  std::map<std::string, std::size_t> place;
  for (const SessionConfig& session : std::exchange(config.sessions, {})) {
    place.emplace(session.name, place.size());
  }
  const auto place_of = [&](const Slot& slot) {
    // Children behind their parent: the sort is stable.
    const std::string& name = slot.parent.empty() ? slot.session->name() : slot.parent;
    return slot.removed ? place.size() : place.at(name);
  };
  slots.sort([&](const Slot& a, const Slot& b) { return place_of(a) < place_of(b); });
  const std::string text = std::to_string(kept) + " kept, " + std::to_string(live) +
                           " changed live, " + std::to_string(restarted) + " restarted, " +
                           std::to_string(added) + " added, " + std::to_string(removed) +
                           " removed";
  note(Level::info, EventKind::reload, "reload", {}, "done", text, {});
}

}  // namespace peerhold
