from odoo.tests import tagged

from odoo.addons.utility_prepaid.tests.common_browser import BrowserCase

from .test_catalogue import RemoteCommon

# The list is open while the command ends elsewhere: it must show that without being asked.
LOOK = """
(async () => {
    const until = async (text) => {
        for (let turn = 0; turn < 3000; turn++) {
            const row = document.querySelector(".o_data_row");
            if (row && row.textContent.includes(text)) return;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
        throw new Error(`never seen: ${text}`);
    };
    await until("Queued");
    const answer = await fetch("/web/dataset/call_kw/utility.command/action_withdraw", {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({params: {
            model: "utility.command", method: "action_withdraw", args: [[COMMAND]], kwargs: {},
        }}),
    });
    if ((await answer.json()).error) throw new Error("not taken back");
    await until("Cancelled");
    console.log("test successful");
})().catch((error) => console.error(error));
"""


@tagged("post_install", "-at_install")
class TestFollow(RemoteCommon, BrowserCase):
    """The list in which remote operations are followed (F4)."""

    def test_the_list_looks_again_by_itself(self):
        self.users["engineer"].password = "desk_engineer"
        command = self._enqueue("trip", "engineer")
        self.env.flush_all()
        self.browser_js(
            "/odoo/utility-remote-operations",
            LOOK.replace("COMMAND", str(command.id)),
            ready="Boolean(document.querySelector('.o_data_row'))",
            login="desk_engineer",
            timeout=600,
        )
