// Keeper, the part that operators command, of one session at a time. What is said to a session with
// dynamic peers is said to each of theirs.
#include <algorithm>
#include <cerrno>

#include "base/units.hpp"
#include "keeper/state.hpp"

namespace peerhold {

std::vector<std::string> Keeper::names() const {
  std::vector<std::string> out;
  for (const State::Slot& slot : s_->slots) {
    if (!slot.removed && slot.parent.empty()) out.push_back(slot.session->name());
  }
  return out;
}

std::string Keeper::no_session(const std::string& name) const {
  std::vector<std::string> known;
  for (const State::Slot& slot : s_->slots) {
    if (!slot.removed) known.push_back(slot.session->name());
  }
  return "no session \"" + escape_control(name) + "\"" + did_you_mean(name, known);
}

Result<void> Keeper::up(const std::string& name) {
  State::Slot& slot = *s_->find(name);
  if (slot.next) {  // that is for the one that follows
    slot.up = true;
    return {};
  }
  for (State::Slot* child : s_->children_of(name)) (void)child->session->up();
  return slot.session->up();
}

Result<void> Keeper::down(const std::string& name, const std::string& message) {
  State::Slot& slot = *s_->find(name);
  if (slot.next) slot.up = false;
  slot.session->down(message);
  s_->remove_children(name, PH_BYE_DOWN, "\"" + name + "\" is administratively down", message);
  return {};
}

Result<void> Keeper::reset(const std::string& name, const std::string& message) {
  State::Slot& slot = *s_->find(name);
  if (slot.next) return {};  // it is being restarted as it is
  Result<void> done = slot.session->reset(message);
  for (State::Slot* child : s_->children_of(name)) {
    // One that is down stays so: its operator said that of it alone.
    if (child->session->state() != SessionState::down) (void)child->session->reset(message);
  }
  return done;
}

Result<std::string> Keeper::command(const std::string& name, Command what, Milliseconds length) {
  State::Slot& slot = *s_->find(name);
  const auto kind = what == Command::hold      ? PH_CMD_HOLD
                    : what == Command::release ? PH_CMD_RELEASE
                                               : PH_CMD_REFRESH;
  const std::vector<State::Slot*> children = s_->children_of(name);
  if (children.empty()) {
    if (slot.session->dynamic() && slot.session->library().plugin().command != nullptr) {
      return Error{"session \"" + name + "\": none of its peers is there", 0, Cause::admin};
    }
    return slot.session->command(kind, length);
  }
  std::string replies;
  for (const State::Slot* child : children) {
    Result<std::string> done = child->session->command(kind, length);
    if (!done) return done;
    if (!done->empty()) {
      replies += (replies.empty() ? "" : "\n") + child->session->name() + ": " + *done;
    }
  }
  return replies;
}

Result<std::string> Keeper::use_key(const std::string& name, std::uint32_t id) {
  State::Slot& slot = *s_->find(name);
  Result<std::string> done = slot.session->keys().use(id);
  if (!done) return done;
  for (State::Slot* child : s_->children_of(name)) {
    const Result<std::string> moved = child->session->keys().use(id);
    if (moved) *done += "\n" + child->session->name() + ": " + *moved;
  }
  return done;
}

Result<void> Keeper::attach(const std::string& name, Fd& fd, std::string_view greeting) {
  Connected app{std::move(fd)};
  Result<void> done = s_->find(name)->session->attach(app, greeting);
  fd = std::move(app.fd);  // refused: it stays the caller's
  return done;
}

bool Keeper::has_link_with(const Address& peer, const std::optional<Address>& source) const {
  return std::ranges::any_of(s_->slots, [&](const State::Slot& slot) {
    return slot.session->has_link_with(peer, source);
  });
}

}  // namespace peerhold
