"""The studies reproduced: what is run of each, the stored rows, and the page of all."""

from facezoo.reproduction.notebook import Study, project_folder
from facezoo.reproduction.page import results_page, study_table
from facezoo.reproduction.results import read_results
from facezoo.reproduction.running import Outcome, reproduce
from facezoo.reproduction.studies import STUDIES, Plan, plans

__all__ = [
    "Outcome",
    "Plan",
    "STUDIES",
    "Study",
    "plans",
    "project_folder",
    "read_results",
    "reproduce",
    "results_page",
    "study_table",
]
