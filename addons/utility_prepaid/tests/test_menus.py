from lxml import etree

from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import UtilityCommon

ROLES = ("reader", "cashier", "supervisor", "accountant", "engineer", "manager")
DAYS = ("date", "datetime")
WITHOUT_A_LIST = ("form", "search", "activity", "calendar", "qweb")


@tagged("post_install", "-at_install")
class TestMenus(UtilityCommon):
    """Every menu of the desk opens for every role that sees it, as the web client opens it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.env.ref("utility_prepaid.menu_root")

    def setUp(self):
        super().setUp()
        self._delivered()
        self._post()
        self._sell("20.00")
        self.env["utility.check"]._run(self.company, self.company._utility_today())
        self.env.flush_all()

    def _menus(self, role):
        """The menus that open something, as {full name: action}."""
        menus = self.env["ir.ui.menu"].with_user(self.users[role])
        visible = menus._visible_menu_ids()
        found, level = {}, self.root
        while level:
            # what stands below a menu that is not shown is not shown
            level = level.filtered(lambda menu: menu.id in visible)
            found.update({menu.complete_name: menu.action for menu in level if menu.action})
            level = level.child_id
        return found

    # ------------------------------------------------- what the client asks

    @staticmethod
    def _fields(arch):
        """The fields of a view itself: (node, its list or None); not those inside other fields."""
        outside = next(arch.iterancestors("field"), None)
        for node in arch.iter("field"):
            if next(node.iterancestors("field"), None) is outside:
                yield node, next((child for child in node if child.tag in ("list", "kanban")), None)

    def _specification(self, arch, model, fields):
        """What the client asks of the fields in a view, those of lists inside it, too."""
        wanted = {}
        for node, inner in self._fields(arch):
            info = fields[model][node.get("name")]
            wanted[node.get("name")] = {}
            if info["type"] in ("many2one", "one2many", "many2many"):
                wanted[node.get("name")]["fields"] = (
                    {"display_name": {}}
                    if inner is None
                    else self._specification(inner, info["relation"], fields)
                )
        return wanted

    def _open(self, action, user):
        model = self.env[action.res_model].with_user(user)
        model = model.with_context(allowed_company_ids=self.company.ids)
        views = action.with_user(user)._get_action_dict()["views"]
        searched = not any(mode == "form" for _view, mode in views[:1])
        search = action.search_view_id.id if action.search_view_id else False
        answer = model.get_views([*views, (search, "search")])
        fields = {name: info["fields"] for name, info in answer["models"].items()}
        archs = {mode: etree.fromstring(view["arch"]) for mode, view in answer["views"].items()}
        for mode, arch in archs.items():
            self._check_buttons(arch, model)
            if mode in ("list", "form"):
                self._check_currencies(arch, action.res_model, fields)
        names = {"uid": user.id, "allowed_company_ids": self.company.ids}
        context = safe_eval(action.context or "{}", {**names, "active_id": False})
        model = model.with_context(**context)
        domain = Domain(safe_eval(action.domain or "[]", names))
        found = model.browse()
        for mode, arch in archs.items():
            if mode not in WITHOUT_A_LIST and searched:
                wanted = self._specification(arch, action.res_model, fields)
                rows = model.web_search_read(list(domain), wanted, limit=80)
                found |= model.browse(row["id"] for row in rows["records"])
        if searched:
            self._search(archs["search"], model, domain, names)
        if "form" in archs:
            wanted = self._specification(archs["form"], action.res_model, fields)
            found[:1].web_read(wanted)
            named = type(model)._compute_display_name is not BaseModel._compute_display_name
            self.assertTrue(model._rec_name or named or model._transient, "a name for people")
            if archs["form"].get("create") != "false" and model.has_access("create"):
                model.onchange({}, [], wanted)

    def _check_currencies(self, arch, model, fields):
        """Money without its currency in the same view is shown as a bare number."""
        names = {node.get("name") for node, __ in self._fields(arch)}
        for node, inner in self._fields(arch):
            info = fields[model][node.get("name")]
            currency = info.get("currency_field")
            self.assertTrue(not currency or currency in names, f"{model}.{node.get('name')}")
            if inner is not None:
                self._check_currencies(inner, info["relation"], fields)

    def _check_buttons(self, arch, model):
        """The client calls a button's method on records, be it on none: it must take them."""
        for node in arch.iterfind(".//button[@type='object']"):
            if next(node.iterancestors("field"), None) is None:
                method = getattr(type(model), node.get("name"))
                self.assertFalse(getattr(method, "_api_model", False), node.get("name"))

    def _search(self, arch, model, domain, names):
        """Every filter and every grouping of the search view."""
        for node in arch.iter("filter"):
            groups = safe_eval(node.get("context") or "{}", names).get("group_by", [])
            groups = [groups] if isinstance(groups, str) else groups
            if node.get("domain"):
                with self.subTest(filter=node.get("name")):
                    model.search(domain & Domain(safe_eval(node.get("domain"), names)), limit=1)
            if node.get("date"):
                groups = [node.get("date")]
            # the client groups days by month unless it is told otherwise
            groups = [
                name if ":" in name or model._fields[name].type not in DAYS else f"{name}:month"
                for name in groups
                if ":" in name or model._fields[name].type != "properties"
            ]
            if groups:
                with self.subTest(grouping=node.get("name")):
                    model.formatted_read_group(list(domain), groups, ["__count"])

    def _walk(self, role):
        user = self.users[role]
        menus = self._menus(role)
        self.assertTrue(menus)
        for name, action in menus.items():
            if action._name != "ir.actions.act_window":
                continue
            with self.subTest(role=role, menu=name):
                self._open(action, user)

    def test_every_menu_opens_for_every_role(self):
        for role in ROLES:
            self._walk(role)
