"""The texts of all mails: about runs, approvals, batch jobs and alarms, and the weekly digest."""
