// Plugins: finds plugin files by name. Made once by the keeper (and by the subcommands that look at
// plugins); sessions keep pointers to its libraries, which live as long as it does.
#include "plugin/plugins.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/units.hpp"

namespace peerhold {
namespace {

namespace fs = std::filesystem;

// Names of the NAME.so files of a directory, sorted.
std::set<std::string> names_in(const std::string& dir) {
  std::set<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator it(dir, failed), end; !failed && it != end; it.increment(failed))
    if (it->path().extension() == ".so") names.insert(it->path().stem().string());
  return names;
}

Result<std::unique_ptr<Library>> load_named(const std::string& file, const std::string& name) {
  auto library = Library::load(file);
  if (library && (*library)->name() != name)
    return Error{"plugin file " + file + " calls itself \"" + (*library)->name() +
                     "\"; the file must bear the plugin's name: rename it " + (*library)->name() +
                     ".so",
                 0, Cause::resource};
  return library;
}

}  // namespace

Plugins::Plugins(std::vector<std::string> first) : first_(std::move(first)) {}

std::vector<std::string> Plugins::search_path(const std::vector<std::string>& configured) const {
  auto dirs = first_;
  dirs.insert(dirs.end(), configured.begin(), configured.end());
  return dirs;
}

Result<const Library*> Plugins::find(const std::string& name,
                                     const std::vector<std::string>& configured_dirs) {
  if (const auto it = loaded_.find(name); it != loaded_.end()) return it->second.get();
  std::string searched;
  std::vector<std::string> known;
  for (const auto& dir : search_path(configured_dirs)) {
    const auto names = names_in(dir);
    if (names.count(name) != 0) {
      auto library = load_named(dir + "/" + name + ".so", name);
      if (!library) return std::move(library).error();
      return (loaded_[name] = std::move(*library)).get();
    }
    known.insert(known.end(), names.begin(), names.end());
    searched += (searched.empty() ? "" : ", ") + dir;
  }
  std::string text = "no plugin \"" + escape_control(name) + "\"; searched ";
  const std::string near = did_you_mean(name, known);
  text += searched.empty() ? "nowhere: name a directory by --plugin-dir or keeper.plugin_dirs"
          : near.empty() ? searched + "; --plugin-dir or keeper.plugin_dirs say where else to look"
                         : searched + near;
  return Error{text, 0, Cause::resource};
}

std::vector<const Library*> Plugins::all(const std::vector<std::string>& configured_dirs,
                                         std::vector<std::string>& refused) {
  std::set<std::string> seen;
  for (const auto& dir : search_path(configured_dirs)) {
    for (const auto& name : names_in(dir)) {
      if (!seen.insert(name).second || loaded_.count(name) != 0) continue;
      auto library = load_named(dir + "/" + name + ".so", name);
      if (library)
        loaded_[name] = std::move(*library);
      else
        refused.push_back(library.error().text);
    }
  }
  return loaded();
}

std::vector<const Library*> Plugins::loaded() const {
  std::vector<const Library*> libraries;
  for (const auto& [name, library] : loaded_) libraries.push_back(library.get());
  return libraries;
}

}  // namespace peerhold
